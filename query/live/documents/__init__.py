"""How ``/ws`` is described: frames and messages as models, and the AsyncAPI document made from them."""
