"""Search by meaning: a language model of one's own machine makes vectors of texts, and near ones mean alike.

Nothing here runs unless a person switched it on; words stay the way to search. No network, no pickle, no torch.
"""
