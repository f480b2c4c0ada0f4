// Reads certificates, one a line, in base64 of DER, and says of each what Go says of it.
package main

import (
	"bufio"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	for lines.Scan() {
		der, err := base64.StdEncoding.DecodeString(lines.Text())
		if err != nil {
			panic(err)
		}
		if _, err = x509.ParseCertificate(der); err == nil {
			fmt.Println("ok")
		} else {
			fmt.Println(strings.Replace(err.Error(), "\n", " ", -1))
		}
	}
}
