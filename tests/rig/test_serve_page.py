"""The page in a real browser: preview, record, stop, FFC, download, errors, a phone."""

import json

import pytest
from tests.rig.chromium import Chromium, chromium_path
from tests.rig.rigs_to_serve import ask, served, wait_until

from thermoscope.rig.verify import verify_recording

PICTURES = "document.querySelectorAll('.camera img[src^=data]').length"


def text(selector):
    return f"document.querySelector({json.dumps(selector)}).textContent"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Chromium(tmp_path_factory.mktemp("profile"), chromium_path())
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    with served(tmp_path_factory.mktemp("page") / "runs", host="0.0.0.0") as console:
        yield console


@pytest.fixture
def page(browser, console):
    """The console's page, live."""
    browser.open(console.url)
    browser.wait_for(f"{PICTURES} == 2 && !document.querySelector('#record').disabled")
    return browser


def test_the_preview_is_live_and_shows_temperatures(page):
    assert page.run(text(".camera h2")) == "thermal"
    assert page.run("location.search") == ""  # the token is not in the address any more
    before = page.run("document.querySelector('.camera img').src")
    page.wait_for(f"document.querySelector('.camera img').src != {json.dumps(before)}")
    assert page.run("document.querySelector('.camera img').naturalWidth") == 144
    assert page.run(text(".hottest")).endswith(" °C")
    assert page.run(text(".rate")).endswith(" of 30 Hz")
    page.wait_for(f"{text('#space')}.includes('GB free, about')")  # once its rate is known
    assert page.run("document.querySelectorAll('#problems li').length") == 0


def test_a_tap_pins_a_spot(page):
    box = page.run("(b => [b.x, b.y, b.width, b.height])(document.querySelector('.view')"
                   ".getBoundingClientRect())")  # fmt: skip
    x, y = box[0] + 0.25 * box[2], box[1] + 0.5 * box[3]
    for kind in ("mousePressed", "mouseReleased"):
        page.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    page.wait_for(f"{text('.spot-value')}.endsWith('°C')")
    left = page.run("document.querySelector('.mark.spot').style.left")
    assert float(left.rstrip("%")) == pytest.approx(25, abs=0.5)
    assert page.run("spot.pinned")


def test_record_stop_and_the_file_is_whole(page, console):
    page.run("document.querySelector('#label').value = 'harbour'")
    page.run("document.querySelector('#record').click()")
    page.wait_for(f"{text('#badge')}.startsWith('REC 0:00')")
    page.wait_for(f"{text('#pace')}.includes('lost: 0 by us')")
    assert page.run(text("#record")) == "Stop"
    page.wait_for("document.querySelector('a.zip')?.getAttribute('aria-disabled') == 'true'")
    page.run("document.querySelector('#record').click()")
    page.wait_for(f"{text('#state')} == 'ready'")
    page.wait_for("document.querySelector('#recordings .about')?.textContent.includes('asked')")
    name = page.run(text("#recordings .name"))
    assert name.endswith("_harbour")
    assert verify_recording(console.folder / name).problems == ()
    zipped = "fetch(document.querySelector('a.zip').href).then(a => a.blob())"
    size = page.run(f"{zipped}.then(b => b.size)")
    assert size > sum(f.stat().st_size for f in (console.folder / name).iterdir())
    files = "[...document.querySelectorAll('.files a')].map(a => a.getAttribute('href'))"
    assert f"api/recordings/{name}/000000.mcap" in page.run(files)


def test_the_ffc_button_closes_the_shutter(page):
    page.run("document.querySelector('#ffc').click()")
    page.wait_for(f"['shutter closed', 'done'].includes({text('.ffc')})")


def test_a_refused_command_is_told(page):
    page.run("command('record', {label: '../up'})")
    page.wait_for(f"{text('#problems')}.includes('40 letters, digits')")


def test_a_phone_shows_all_without_scrolling_sideways(browser, console):
    browser.open(console.url, width=390, height=844)
    browser.wait_for(f"{PICTURES} == 2")
    assert browser.run("document.documentElement.scrollWidth") == 390
    heights = "[...document.querySelectorAll('button, .button, input')].map(e => e.offsetHeight)"
    assert min(browser.run(heights)) >= 44  # what a finger needs


def test_without_the_token_the_page_stays_closed(browser, console):
    wrong = console.url.replace("127.0.0.1", "localhost").partition("?")[0]
    browser.call("Network.clearBrowserCookies")
    browser.open(wrong)
    browser.wait_for("document.body?.textContent.includes('Not without the token')")
    assert ask(console, "/api/live")[0] == 401


def test_a_lost_console_is_told(browser, tmp_path):
    with served(tmp_path) as console:
        browser.open(console.url)
        browser.wait_for(f"{PICTURES} == 2")
        wait_until(lambda: console.live.state()["watchers"] == 1)
    browser.wait_for(f"{text('#problems')}.includes('No connection to the rig')")
    assert browser.run("document.querySelector('#record').disabled")
