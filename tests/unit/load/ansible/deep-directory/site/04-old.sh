#!/bin/sh
# One of before there was _meta.
case $1 in
--list) echo '{"legacy": ["old1", "old2"], "printer": {"colour": true, "trays": 2}, "legacy_parent": {"children": ["legacy"]}}' ;;
--host) case $2 in old1) echo '{"ansible_host": "203.0.113.1", "rack": 7}' ;; old2) ;; *) echo '{}' ;; esac ;;
esac
