"""What a person reads of a search: the page and the Markdown of an asset, of a campaign, and the tearsheet of trades.

Pure like the certificates, whose pieces they are made of: documents and arrays in, text out; no file, no clock, no
simulation. Whoever calls has read the results and run the finalist again. A part that is not there is told as such,
with the reason, and nothing a document holds becomes live markup.
"""
