"""Ways in for what does not speak the contract of docs/mqtt.md: HJ 212 and SL 651 over TCP, and what a video platform
says in the words of GB/T 28181. What they decode becomes messages of the contract, and goes through the same checks.

Decoders are pure; `tcp` alone has sockets.
"""
