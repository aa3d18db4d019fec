"""Makes the TypeScript types and the tables of docs/http_api.md of the dataclasses that the plugin's routes answer with."""
