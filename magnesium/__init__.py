"""The clinical core: magnesium status, FEMg, potassium, and the rules that turn them into findings.

It knows neither FHIR nor HTTP nor a clock: facts, policy and the moment of judgement are arguments.
"""
