"""What stands on the page, a module a tab: functions from a report to HTML; no web framework.

Everything that comes from a file or a bundle is escaped. The classes are styled by
`assets/page.css`. `say` turns English sentences into the reader's language.
"""
