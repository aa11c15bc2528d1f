"""--red-on VERSION takes the tests alone that are known to fail on a released version; see scripts/check-regressions."""


def pytest_addoption(parser):
    parser.addoption("--red-on", metavar="VERSION", help="only the tests that are marked @harness.red_on(VERSION)")


def pytest_collection_modifyitems(config, items):
    version = config.getoption("--red-on")
    if version is None:
        return
    chosen = [item for item in items if getattr(item.obj, "red_on", None) == version]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen
