"""The control plane's verbs: parse, call, print. One file a verb; no decision and no state of their own."""
