# An image of etcd {{ version }}, for every cluster. Choose one of `googlecompute.etcd`,
# `amazon-ebs.etcd`, `azure-arm.etcd`, `qemu.etcd`:
#   packer build -only=googlecompute.etcd -var project=PROJECT DIRECTORY
# `root` bakes a root directory of this computer: packer build -only=null.root -var root=DIR

variable "name" {
  type    = string
  default = "{{ name }}"
}

variable "project" {
  type    = string
  default = "set-project"
}

variable "zone" {
  type    = string
  default = "europe-west4-a"
}

variable "region" {
  type    = string
  default = "eu-central-1"
}

# Of the builder. Empty: the cloud's own choice.
variable "network" {
  type    = string
  default = ""
}

variable "subnet" {
  type    = string
  default = ""
}

# The image to begin with: on googlecompute a family of its image project, on amazon-ebs the newest
# of this name and owner, on azure-arm publisher:offer:sku of the marketplace; and its SSH user.
# Empty: firstboot knows none of this family there, and Packer must be told (`-var NAME=…`).
{%- for (name, value) in bases %}
variable "{{ name }}" {
  type    = string
  default = "{{ value.unwrap_or_default() }}"
}
{% endfor %}
# azure-arm: where the image is put.
variable "location" {
  type    = string
  default = "westeurope"
}

variable "resource_group" {
  type    = string
  default = "images"
}

variable "subscription" {
  type    = string
  default = "00000000-0000-0000-0000-000000000000"
}

variable "machine_type" {
  type = map(string)
  default = {
    googlecompute = "e2-small"
    amazon-ebs    = "t3.small"
    azure-arm     = "Standard_B1ms"
  }
}

# qemu: a disk with cloud-init, as a file or a URL (then with a checksum), the files of its NoCloud
# seed, and the key that the seed lets in.
variable "base_disk" {
  type    = string
  default = "base.qcow2"
}

variable "base_disk_checksum" {
  type    = string
  default = "none"
}

variable "seed" {
  type    = list(string)
  default = []
}

variable "ssh_private_key_file" {
  type    = string
  default = ""
}

variable "accelerator" {
  type    = string
  default = "kvm"
}

variable "qemuargs" {
  type    = list(list(string))
  default = []
}

variable "output" {
  type    = string
  default = "output"
}

variable "root" {
  type    = string
  default = ""
}

locals {
  labels = {
    etcd_version = "{{ version_label }}"
    content      = "{{ content }}"
    made_by      = "firstboot"
  }
}

source "googlecompute" "etcd" {
  project_id              = var.project
  zone                    = var.zone
  network                 = var.network
  subnetwork              = var.subnet
  machine_type            = var.machine_type["googlecompute"]
  source_image_family     = var.base_image
  source_image_project_id = [var.base_image_project]
  ssh_username            = var.ssh_username
  image_name              = var.name
  image_family            = "{{ family }}"
  image_description       = "etcd {{ version }}, content {{ content }}"
  image_labels            = local.labels
}

source "amazon-ebs" "etcd" {
  region          = var.region
  subnet_id       = var.subnet
  instance_type   = var.machine_type["amazon-ebs"]
  ssh_username    = var.ssh_username
  ami_name        = var.name
  ami_description = "etcd {{ version }}, content {{ content }}"
  tags            = local.labels
  source_ami_filter {
    filters = {
      name                = var.base_ami
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
    owners      = [var.base_ami_owner]
    most_recent = true
  }
}

source "azure-arm" "etcd" {
  use_azure_cli_auth                = true
  subscription_id                   = var.subscription
  location                          = var.location
  managed_image_resource_group_name = var.resource_group
  managed_image_name                = var.name
  os_type                           = "Linux"
  vm_size                           = var.machine_type["azure-arm"]
  virtual_network_name              = var.network
  virtual_network_subnet_name       = var.subnet
  image_publisher                   = split(":", var.base_sku)[0]
  image_offer                       = split(":", var.base_sku)[1]
  image_sku                         = split(":", var.base_sku)[2]
  ssh_username                      = "packer"
  azure_tags                        = local.labels
}

source "qemu" "etcd" {
  iso_url              = var.base_disk
  iso_checksum         = var.base_disk_checksum
  disk_image           = true
  format               = "qcow2"
  headless             = true
  memory               = 1024
  accelerator          = var.accelerator
  qemuargs             = var.qemuargs
  cd_files             = var.seed
  cd_label             = "cidata"
  ssh_username         = var.ssh_username
  ssh_private_key_file = var.ssh_private_key_file
  ssh_timeout          = "20m"
  shutdown_command     = "sudo shutdown -P now"
  vm_name              = "${var.name}.qcow2"
  output_directory     = var.output
}

source "null" "root" {
  communicator = "none"
}

build {
  sources = [
    "source.googlecompute.etcd",
    "source.amazon-ebs.etcd",
    "source.azure-arm.etcd",
    "source.qemu.etcd",
  ]

  # cloud-init must not come back to what was cleaned.
  provisioner "shell" {
    inline = [
      "! command -v cloud-init || sudo cloud-init status --wait",
      "mkdir /tmp/firstboot-image",
    ]
  }

  provisioner "file" {
    sources = [
{%- for file in files %}
      "${path.root}/{{ file }}",
{%- endfor %}
    ]
    destination = "/tmp/firstboot-image/"
  }

  provisioner "shell" {
    inline = [
      "sudo sh /tmp/firstboot-image/provision /",
      "sudo rm -r /tmp/firstboot-image",
    ]
  }
}

build {
  sources = ["source.null.root"]

  provisioner "shell-local" {
    inline = ["sh '${path.root}/provision' '${var.root}'"]
  }
}
