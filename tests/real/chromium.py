# SPDX-License-Identifier: Apache-2.0
"""Debian's Chromium without a screen, driven by its own driver: the browser that comes back to the loopback address is one."""
import importlib.util
import os
import shutil


def why_not():
    """Why it is not used here; None where it is. It takes seconds to start, so it is asked for: make check-browser."""
    if not os.environ.get("VALETKEY_BROWSER"):
        return "a real browser: make check-browser"
    if not importlib.util.find_spec("selenium"):
        return "no python3-selenium"
    return None if shutil.which("chromium") and shutil.which("chromedriver") else "no chromium, or no chromedriver"


class Chromium:
    def __init__(self, folder, dark=False):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        # --no-sandbox: root's tests; the pages are the tests' own. --ignore-certificate-errors: the provider has a private CA.
        for a in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-sync",
                  "--disable-background-networking", "--no-proxy-server", "--ignore-certificate-errors", "--window-size=760,520",
                  "--force-device-scale-factor=1", "--hide-scrollbars", f"--user-data-dir={folder}",
                  *(["--no-sandbox"] if os.geteuid() == 0 else []),
                  *(["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if dark else [])):
            options.add_argument(a)
        self.driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        self.driver.set_page_load_timeout(60)
        self.driver.implicitly_wait(15)

    def open(self, url):
        self.driver.get(url)

    def type(self, name, text):
        self.find(f"[name='{name}']").send_keys(text)

    def press(self, css):
        self.find(css).click()

    def find(self, css):
        return self.driver.find_element("css selector", css)

    def heading(self):
        return self.find("h1").text

    def until(self, condition, seconds=30):
        from selenium.common.exceptions import ElementNotInteractableException, StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait
        # (the page may be another one while it is looked at)
        return WebDriverWait(self.driver, seconds, ignored_exceptions=[ElementNotInteractableException, StaleElementReferenceException]).until(lambda _: condition())

    def complaints(self):
        """What the console says: a policy that the page itself breaks, for one."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] == "SEVERE" and "favicon" not in e["message"]]

    def shoot(self, path):
        self.driver.save_screenshot(path)

    def quit(self):
        self.driver.quit()
