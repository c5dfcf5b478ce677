"""The contents page: what Brewhouse does, each as the stages it calls in order; the only code that knows them all.

    family     families -> targets with tags, library files, Dockerfiles
    brew       names -> jobs -> images            request: how they are to be brewed; windows: what only Windows needs
    pages      library files -> README pages
    publish    images -> what is put where

Dockerfiles of users need one stage only: `cli` calls `build` itself.
"""
