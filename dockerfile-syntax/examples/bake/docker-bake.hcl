// `docker buildx bake`: an image for each Python version, and one that continues from another target.

group "default" {
  targets = ["etl", "app"]
}

target "etl" {
  name       = "etl-${replace(python, ".", "-")}"
  matrix     = { python = ["3.11", "3.13"] }
  dockerfile = "etl.Dockerfile"
  args       = { PYTHON = python }
  tags       = ["bake-etl:${python}"]
}

// FROM base names the target above, by way of a named build context: bake builds it first, in the same build.
target "app" {
  dockerfile = "app.Dockerfile"
  contexts   = { base = "target:etl-3-13" }
  tags       = ["bake-app"]
}
