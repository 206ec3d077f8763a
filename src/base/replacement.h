/* Files that are written beside the one whose place they take, so that whoever
   reads that finds the old bytes or the new ones. Used by
   lua/replacement_lua.c and lua/part_file.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct Replacement {
  int fd;       /* -1: closed */
  char *beside; /* the file that is written; NULL: `path` itself is */
  char *path;
} Replacement;

/* Begins one. What is no regular file (a device, a pipe, a descriptor by its name
   in /dev/fd) is written to as it is. `is_private`: the user alone may read it,
   and a link is replaced; else it gets the mode of the file that is there, and
   links are followed. 0, or errno. */
int replacement_open(Replacement *file, const char *path, bool is_private);

/* 0, or errno. */
int replacement_write(const Replacement *file, const char *bytes, size_t size);

/* Closes it, and gives it its place; with `sync` the disk has its bytes then. 0,
   or errno: then `path` is as it was. */
int replacement_publish(Replacement *file, bool sync);

/* Closes it, and removes what was written beside. May be called again. */
void replacement_abandon(Replacement *file);

/* Closes the descriptor and nothing else: in a child of a fork. */
void replacement_forget(Replacement *file);

/* Whether a file may take the place of `path` later, which is no link that is
   followed then. 0, or errno; EEXIST: what is there is no regular file. */
int replacement_check_place(const char *path);

/* Gives the open file `beside` the place of `path`, and the mode of what is
   there. 0, or errno. */
int replacement_take_place(int fd, const char *beside, const char *path);
