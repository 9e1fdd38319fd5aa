"""Build options from the process environment."""

from dockerfile_pyenv.engine import build_options


def test_options_are_read_in_any_order_and_with_any_value() -> None:
    """Keys end at the first equals sign; values may be empty, or hold equals signs and line breaks."""
    build = build_options.read(
        {
            "BUILDKIT_FRONTEND_OPT_1": "build-arg:A=b=c\nd",
            "BUILDKIT_FRONTEND_OPT_0": "no-cache=",
            "BUILDKIT_SESSION_ID": "s1",
            "UV_PYTHON_INSTALL_MIRROR": "https://mirror",
        }
    )
    assert build.opts == {"build-arg:A": "b=c\nd", "no-cache": ""}
    assert build.session == "s1"
    assert build.filename == "Dockerfile"


def test_the_platform_is_the_first_workers() -> None:
    """Workers come as the JSON that Go writes of them."""
    workers = '[{"id":"x","platforms":[{"architecture":"arm64","os":"linux","variant":"v8"}]}]'
    assert build_options.read({"BUILDKIT_WORKERS": workers}).platform == "linux/arm64/v8"
    assert build_options.read({}).platform == "linux/amd64"


def test_the_first_platform_that_is_built_for() -> None:
    """Another text is for the Dockerfile frontend to refuse; in Astro mode it ended in an internal error."""
    for value, first in {
        "linux/arm64,linux/amd64": "linux/arm64", "linux/arm/v7": "linux/arm/v7", "": "linux/amd64",
        "a\nRUN b": "linux/amd64", "amd64": "linux/amd64", "linux/": "linux/amd64", "linux/a/b/c": "linux/amd64",
    }.items():  # fmt: skip
        build = build_options.read({"BUILDKIT_FRONTEND_OPT_0": f"platform={value}"})
        assert build.first_platform == first


def test_a_build_arg_comes_before_the_sites_default() -> None:
    """A setting is the build arg's, else the image's own environment, else empty."""
    site = {"A": "site", "B": "site"}
    environ = {**site, "BUILDKIT_FRONTEND_OPT_0": "build-arg:A=arg"}
    build = build_options.read(environ)
    assert [build.setting(name) for name in "ABC"] == ["arg", "site", ""]


def test_sessions_of_local_directories() -> None:
    """A local directory may be served by another session than the build's."""
    build = build_options.read({"BUILDKIT_SESSION_ID": "s1", "BUILDKIT_FRONTEND_OPT_0": "local-sessionid:context=s2"})
    assert (build.local_session("context"), build.local_session("dockerfile")) == ("s2", "s1")


def test_cache_imports_old_and_new() -> None:
    """Both ways of naming remote caches are understood."""
    build = build_options.read(
        {
            "BUILDKIT_FRONTEND_OPT_0": 'cache-imports=[{"Type":"gha","Attrs":{"a":"b"}},{"Type":"local"}]',
            "BUILDKIT_FRONTEND_OPT_1": "cache-from=x/y:1,z",
        }
    )
    assert build.cache_imports() == [
        ("gha", {"a": "b"}),
        ("local", {}),
        ("registry", {"ref": "x/y:1"}),
        ("registry", {"ref": "z"}),
    ]
