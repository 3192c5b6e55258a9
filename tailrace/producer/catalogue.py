"""The mock shop: its products, pages, search queries and visitors' devices."""

from typing import NamedTuple


class Product(NamedTuple):
    """A product; ``price`` is in the shop's currency."""

    sku: str
    name: str
    category: str
    price: float


CURRENCY = "EUR"

PRODUCTS = [
    Product("KB-101", "Mechanical keyboard", "keyboards", 119.0),
    Product("HP-220", "Wireless headphones", "audio", 89.9),
    Product("MS-310", "Vertical mouse", "mice", 54.5),
    Product("MN-270", '27" monitor', "monitors", 329.0),
    Product("CB-001", "USB-C cable, 2 m", "cables", 12.9),
    Product("HB-007", "USB-C hub", "cables", 44.0),
    Product("SP-500", "Desk speakers", "audio", 139.0),
    Product("WC-080", "Web camera", "video", 74.0),
    Product("LP-030", "Desk lamp", "desk", 39.5),
    Product("ST-012", "Laptop stand", "desk", 34.9),
    Product("MP-001", "Mouse pad", "mice", 9.9),
    Product("MC-440", "Podcast microphone", "audio", 199.0),
    Product("CH-900", "Office chair", "desk", 449.0),
    Product("KB-102", "Compact keyboard", "keyboards", 79.0),
    Product("MN-340", '34" ultrawide monitor', "monitors", 649.0),
]
"""The best-selling first."""

PAGES = ["/", "/products", "/deals", "/blog", "/about", "/help", "/blog/quiet-keyboards", "/contact", "/careers"]
"""The most visited first."""

QUERIES = ["keyboard", "headphones", "usb-c", "monitor 4k", "mouse", "webcam", "desk lamp", "gift", "mikrofon", "椅子"]
"""The most frequent first."""

REFERRERS = {None: 45, "https://www.google.com/": 30, "https://news.ycombinator.com/": 8, "https://www.bing.com/": 7}
"""Referrers by weight; None: the address was typed."""

DEVICES = {"mobile": 55, "desktop": 37, "tablet": 8}
"""Devices by percentage."""

ELEMENTS = ["nav-logo", "hero-banner", "cta-buy", "gallery-next", "newsletter", "footer-help"]
"""Clicked elements, the most frequent first."""

PLANS = ["free", "free", "free", "plus"]
SIGN_UP_METHODS = ["email", "email", "google", "apple"]
PAYMENTS = ["card", "card", "paypal", "invoice"]
