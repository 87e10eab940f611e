"""Operations from a shell: thin clients of the files that the page and the daemon share."""
