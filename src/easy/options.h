/* Options of easy handles, asked of the running libcurl by name. */
#pragma once

#include "easy.h"

/* Sets the option named at stack index `name` to the value at `value` (nil
   or none: back to its default). `self` is the userdata. Pushes nothing and
   returns true, or pushes an error object and returns false; misuse
   raises. */
bool options_set(lua_State *L, Easy *easy, int self, int name, int value);

/* The same for all of the table at `table`, until one fails. */
bool options_set_all(lua_State *L, Easy *easy, int self, int table);

/* core.options(): every option of the running libcurl. */
int options_list(lua_State *L);

/* Frees the lists and files that options hold, and the body that mimepost has
   built. */
void options_free_lists(Easy *easy);

/* Lets the handle go to this URL, which it holds; NULL: to that of "url". */
CURLcode options_set_url(Easy *easy, struct Url *url);

/* Lets it go to a URL that has this text, of the same place as `sample`: core.url_place
   has said so, and that libcurl sends what is behind the place as it is written. */
CURLcode options_set_url_beside(Easy *easy, struct Url *sample,
                                const char *text, size_t size);

/* Gives a duplicate lists and files of its own; false: out of memory. */
bool options_copy_lists(const Easy *from, Easy *to);

/* Lets a duplicate use the lists of the original, which live as long as one of
   both; false: out of memory, or it holds files. */
bool options_share_lists(Easy *from, Easy *to);

/* Where libcurl writes a body by itself: the file of writedata, or stdout. */
FILE *options_body_file(Easy *easy);

/* Lets libcurl write to the file of writedata again, if there is one. */
void options_renew_file(Easy *easy);

/* curl_easy_reset, without what libcurl forgets in it. */
void options_reset(Easy *easy);

/* Before the easy at `self` is reset: ends its stream dependencies. */
void options_unrelate(lua_State *L, int self);
