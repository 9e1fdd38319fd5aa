// The frontend image. `docker buildx bake` loads it into the local engine; `docker buildx bake release --push` publishes
// it for every architecture.

variable "IMAGE" {
  default = "dockerfile-pyenv"
}

variable "VERSION" {
  default = "dev"
}

variable "REVISION" {
  default = ""
}

group "default" {
  targets = ["image"]
}

group "release" {
  targets = ["image-all"]
}

target "image" {
  context = "."
  args = {
    VERSION = VERSION
  }
  labels = {
    "org.opencontainers.image.revision" = REVISION
  }
  tags = ["${IMAGE}:${VERSION}"]
}

target "image-all" {
  inherits  = ["image"]
  platforms = ["linux/amd64", "linux/arm64"]
  tags = VERSION == "dev" ? ["${IMAGE}:dev"] : [
    "${IMAGE}:${VERSION}",
    "${IMAGE}:${join(".", slice(split(".", VERSION), 0, 2))}",
    "${IMAGE}:${split(".", VERSION)[0]}",
  ]
  attest = ["type=provenance,mode=max", "type=sbom"]
}
