"Settings of `make lab`: a notebook is stripped of changing metadata whenever it is saved, so that git sees only what was changed."

from nbdev.clean import clean_jupyter

c.ContentsManager.pre_save_hook = clean_jupyter  # noqa: F821 (Jupyter provides c)
