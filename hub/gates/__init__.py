"""The three gates between a fact and whoever may know it: at append, send and opening. Unknown means no."""
