// The frontend image. `docker buildx bake` loads it into the local engine; `make publish IMAGE=...` pushes it for every
// architecture.

variable "IMAGE" {
  default = "dockerfile-pyenv"
}

variable "VERSION" {
  default = "dev"
}

variable "REVISION" {
  default = ""
}

// What the image is built on. Releases pin it by digest: requirements/base.txt.
variable "BASE" {
  default = "debian:trixie-slim"
}

variable "PLATFORMS" {
  default = "linux/amd64,linux/arm64"
}

// The image of another generator of SBOMs than BuildKit's own, for builders that do not reach Docker Hub.
variable "SBOM_GENERATOR" {
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
    BASE    = BASE
    VERSION = VERSION
  }
  labels = {
    "org.opencontainers.image.revision" = REVISION
  }
  tags = VERSION == "dev" ? ["${IMAGE}:dev", "${IMAGE}:1"] : ["${IMAGE}:${VERSION}"]
}

target "image-all" {
  inherits  = ["image"]
  platforms = split(",", PLATFORMS)
  tags = VERSION == "dev" ? ["${IMAGE}:dev"] : [
    "${IMAGE}:${VERSION}",
    "${IMAGE}:${join(".", slice(split(".", VERSION), 0, 2))}",
    "${IMAGE}:${split(".", VERSION)[0]}",
  ]
  attest = ["type=provenance,mode=max", SBOM_GENERATOR == "" ? "type=sbom" : "type=sbom,generator=${SBOM_GENERATOR}"]
}
