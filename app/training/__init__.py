"""How the bundled models were made: data, tokenizer, training loop, export. Nothing here is needed to serve them."""
