-- numbers for so many new features: the last of them; the layer is locked, so they are ours
SELECT setval(%(sequence)s::regclass, nextval(%(sequence)s::regclass) + %(count)s - 1)
