"""FHIR R4 ⇄ facts. Incoming JSON is read tolerantly and never raises; outgoing resources are built strictly.

``chart.read_facts`` is the way in, ``proposals`` the way out.
"""
