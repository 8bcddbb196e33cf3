"""Backups of a data folder: made while a host runs, restored into an empty folder, held until a person says go."""
