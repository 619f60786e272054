"Settings of `make lab`: saving a notebook strips changing metadata, so that git sees only what was changed."

from nbdev.clean import clean_jupyter

c.ContentsManager.pre_save_hook = clean_jupyter  # noqa: F821 (Jupyter provides c)
