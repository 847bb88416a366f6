"""Pages for auditors and the public: templates, catalogues in Indonesian and English, number formats, plots, PDF.

Here belongs how a page looks and speaks; what it says belongs to the capability that calls. Nothing here reads records.
"""
