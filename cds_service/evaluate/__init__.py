"""Retrospective evaluation: what the service would have said over a hospital's past, and what came of it.

A FHIR Bulk Data export is grouped by patient (``embedded`` on one machine, ``spark`` on a cluster), every patient's
history is replayed moment by moment with the code of the live service (``judge``) on the chart as it stood then
(``history``), and what fired becomes rows (``rows``), figures (``figures``) and a page for a committee (``report``).
"""
