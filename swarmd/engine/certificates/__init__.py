"""The certificate of a champion as people read it: a document in, a page or a screen of text out.

Pure like the guards: no file, no clock, and nothing of the project is imported, so that a page can be made of any
document of the schema `swarmd.certificate/1`. `page` puts the HTML together, `text` the terminal's form; nothing here
computes a figure that the document does not hold.
"""
