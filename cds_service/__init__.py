"""The service in the world: HTTP, the command line, settings, logs, and the only clock.

``app.create_app`` wires everything; nothing else in here knows more than its own part.
"""
