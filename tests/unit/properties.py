"""How many examples a property is tested with. The profiles that say how else are in tests/conftest.py."""

from hypothesis import settings


def examples(number: int) -> settings:
    """Test with this number of examples; with a tenth of it under `--hypothesis-profile=quick`."""
    quick = settings.get_current_profile_name() == "quick"
    return settings(max_examples=number // 10 if quick else number)
