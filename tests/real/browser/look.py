"""Looks at report pages with a real browser, as a person would, and says what is wrong.

look.py CHROMIUM PAGE...: exit status 0 when nothing is. A request, a word on the console, a copy
button that copies something else, a finding of axe that is serious or critical, a page wider than
its screen: each is a line on standard output.
"""

import importlib.resources
import pathlib
import sys

from playwright.sync_api import sync_playwright

AXE = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()
SCREENS = [(1180, 900, "light"), (1180, 900, "dark"), (360, 740, "light")]
wrong = []


def says(page, what):
    wrong.append(f"{page}: {what}")
    print(wrong[-1])


def open_page(context, path):
    """The page, with everything that it asks for or complains of among what is wrong."""
    page = context.new_page()
    name = f"{path.parent.name}/{path.name}"
    url = path.as_uri()
    page.on("console", lambda message: says(name, f"console: {message.text}"))
    page.on("pageerror", lambda error: says(name, f"error: {error}"))
    page.on("dialog", lambda dialog: (says(name, "a dialog"), dialog.dismiss()))
    asked = lambda request: request.url == url or says(name, f"asks for {request.url}")
    page.on("request", asked)
    page.goto(url)
    return page, name


def axe(page, name, state):
    # By way of the debugger, which the page's own policy does not bind.
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    if len(found["passes"]) < 15:
        says(name, f"axe looked at {len(found['passes'])} rules only")
    for violation in found["violations"]:
        if violation["impact"] in ("serious", "critical"):
            targets = [node["target"] for node in violation["nodes"]][:3]
            says(name, f"{state}: axe: {violation['id']} ({violation['impact']}) at {targets}")


def open_all(page):
    for summary in page.locator("summary").all():
        summary.focus()
        page.keyboard.press("Enter")
    if page.locator("details:not([open])").count():
        says(page.url, "the keyboard does not open everything")


def copy_all(context, page, name, granted):
    buttons = page.locator("button[data-copies]").all()
    if not buttons:
        says(name, "nothing can be copied")
    for button in buttons:
        wanted = page.locator("#" + button.get_attribute("data-copies")).text_content()
        button.focus()
        page.keyboard.press("Enter")
        page.wait_for_function("b => b.firstChild.textContent === 'Copied'", arg=button.element_handle())
        page.wait_for_function("document.getElementById('said').textContent !== ''")
        # What a person would then paste, into a page of nobody's.
        other = context.new_page()
        other.set_content("<textarea></textarea>")
        other.locator("textarea").focus()
        other.keyboard.press("Control+V")
        pasted = other.locator("textarea").input_value()
        other.close()
        if pasted != wanted:
            says(name, f"clipboard {granted}: {pasted[:60]!r} was copied, not {wanted[:60]!r}")
        # A button that copies nothing would else be content with what the last one did.
        page.bring_to_front()


def keyboard(page, name):
    """From the skip link on, everything that can be used is reached, and shows that it is."""
    page.keyboard.press("Tab")
    if page.evaluate("document.activeElement.className") != "skip":
        says(name, "the first stop is not the skip link")
    page.keyboard.press("Enter")
    if page.evaluate("document.activeElement.id") != "main":
        says(name, "the skip link leads nowhere")
    wanted = page.locator("main :is(button, summary, a):visible").count()
    stops = 0
    for _ in range(wanted):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            "getComputedStyle(document.activeElement).outlineStyle + document.activeElement.tagName"
        )
        stops += outline in ("solidBUTTON", "solidSUMMARY", "solidA")
    if stops != wanted:
        says(name, f"{stops} of {wanted} stops are seen")


def look(browser, path):
    for width, height, scheme in SCREENS:
        screen = {"width": width, "height": height}
        context = browser.new_context(viewport=screen, color_scheme=scheme)
        page, name = open_page(context, path)
        state = f"{width} {scheme}"
        keyboard(page, name)
        open_all(page)
        axe(page, name, state)
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            says(name, f"{state}: {wide} wide")
        context.close()


def copies(browser, path):
    for granted in (True, False):
        context = browser.new_context()
        if granted:
            context.grant_permissions(["clipboard-read", "clipboard-write"])
        page, name = open_page(context, path)
        if not granted:
            # As where a page from a disk has no clipboard.
            page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
        open_all(page)
        copy_all(context, page, name, "granted" if granted else "absent")
        context.close()


def without_script(browser, path):
    context = browser.new_context(java_script_enabled=False)
    page, name = open_page(context, path)
    text = page.locator("body").inner_text()
    if "ends in" in text or page.locator("button:visible").count():
        says(name, "without script there is what only a script can do")
    if page.locator("time:visible").count() < 4:
        says(name, "without script there are no dates")
    context.close()


def on_another_day(browser, path):
    """A page does not change, but what its script says on the day does."""
    context = browser.new_context()
    page, name = open_page(context, path)
    ends = max(int(one.get_attribute("data-to")) for one in page.locator(".spans li").all())
    for moment, words, state in [
        (ends - 40 * 86400, "ends in 40 days", ".good"),
        (ends - 20 * 86400, "ends in 20 days", ".soon"),
        (ends + 3 * 86400, "ended 3 days ago", ".over"),
    ]:
        page.clock.set_fixed_time(moment)
        page.reload()
        said = page.locator(f".spans li{state} .left").all_inner_texts()
        if words not in said:
            says(name, f"{words} is not said, but {said}")
        if state != ".good" and words not in page.locator("#day").inner_text():
            says(name, f"the note of the day does not say: {words}")
    context.close()


def on_paper(browser, path):
    context = browser.new_context()
    page, name = open_page(context, path)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    if page.locator("button:visible").count() or not page.locator(".files:visible").count():
        says(name, "on paper there are buttons, or no files")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    if page.locator("details[open]").count():
        says(name, "what was opened for paper stays open")
    if not page.pdf().startswith(b"%PDF"):
        says(name, "it cannot be printed")
    context.close()


def main():
    chromium, *paths = sys.argv[1:]
    with sync_playwright() as playwright:
        # Its own sandbox needs what root has not.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for path in map(pathlib.Path, paths):
            look(browser, path)
        one = pathlib.Path(paths[0])
        for check in (copies, without_script, on_another_day, on_paper):
            check(browser, one)
        browser.close()
    print(f"looked at {len(paths)} pages, {len(wrong)} things are wrong")
    return 1 if wrong else 0


sys.exit(main())
