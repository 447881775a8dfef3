"""The workbench: pick a patient, fire a hook, and see what a clinician would see, and why.

It is a client like any other: the page posts its request to ``/cds-services/{id}``, so what is shown is what an EHR
gets. Only making a request of a chart, and drawing what the service reads in it, happen here.
"""
