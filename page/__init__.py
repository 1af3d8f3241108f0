"""The Gradio half of the page: layout and events, a module a tab; `app.py` puts them together.

What is shown comes from `awarenet.panels`, what is known from `awarenet.pipeline`.
"""
