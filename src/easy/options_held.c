/* What options hold as long as libcurl may use it: lists of strings, and files
   that it reads or writes itself. */
#include "options_private.h"
#include "quirks.h"

#include "mime.h"
#include "share.h"
#include "url.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Lists ---- */

/* Of a handle and its clones: thousands have the same. */
struct SharedLists {
  EasyList *lists;
  int users;
};

static void held_free(EasyList *list)
{
  curl_slist_free_all(list->items);
  if (list->file != NULL)
    (void)fclose(list->file); /* nobody is left to be told */
  free(list);
}

static EasyList **held_find(Easy *easy, CURLoption id)
{
  EasyList **link = &easy->lists;
  while (*link != NULL && (*link)->option != id)
    link = &(*link)->next;
  return link;
}

void options_drop(Easy *easy, CURLoption id)
{
  EasyList **link = held_find(easy, id);
  EasyList *list = *link;
  if (list == NULL)
    return;
  *link = list->next;
  held_free(list);
}

bool options_holds(const Easy *easy, CURLoption id)
{
  const EasyList *list = easy->lists;
  while (list != NULL && list->option != id)
    list = list->next;
  return list != NULL;
}

static void release_shared(Easy *easy)
{
  struct SharedLists *shared = easy->shared_lists;
  easy->shared_lists = NULL;
  if (shared == NULL || --shared->users > 0)
    return;
  while (shared->lists != NULL) {
    EasyList *list = shared->lists;
    shared->lists = list->next;
    held_free(list);
  }
  free(shared);
}

void options_free_lists(Easy *easy)
{
  while (easy->lists != NULL)
    options_drop(easy, easy->lists->option);
  release_shared(easy);
  url_release(easy->url);
  easy->url = NULL;
  mime_free(easy);
}

/* Raises unless it is a list of texts; returns how many. */
static lua_Integer check_list(lua_State *L, int idx, const char *name)
{
  lua_Integer count, pairs = 0;
  if (!lua_istable(L, idx))
    luaL_error(L, "option '%s': list of strings expected, got %s", name,
               luaL_typename(L, idx));
  count = (lua_Integer)lua_rawlen(L, idx);
  lua_pushnil(L);
  while (lua_next(L, idx) != 0) {
    pairs++;
    options_check_text(L, -1, name);
    lua_pop(L, 1);
  }
  if (pairs != count)
    luaL_error(L,
               "option '%s': list of strings expected, got a table with "
               "other keys",
               name);
  return count;
}

/* The option has been set to this one: the one before it can go. */
static void held_replace(Easy *easy, EasyList *list)
{
  options_drop(easy, list->option);
  list->next = easy->lists;
  easy->lists = list;
}

CURLcode options_set_list(lua_State *L, Easy *easy, CURLoption id,
                          const char *name, int value)
{
  EasyList *list;
  lua_Integer i, count;
  CURLcode code;
  count = check_list(L, value, name);
  list = calloc(1, sizeof *list);
  if (list == NULL)
    return CURLE_OUT_OF_MEMORY;
  list->option = id;
  for (i = 1; i <= count; i++) {
    struct curl_slist *longer;
    lua_rawgeti(L, value, i);
    longer = curl_slist_append(list->items, lua_tostring(L, -1));
    lua_pop(L, 1);
    if (longer == NULL) {
      held_free(list);
      return CURLE_OUT_OF_MEMORY;
    }
    list->items = longer;
  }
  code = curl_easy_setopt(easy->handle, id, list->items);
  if (code != CURLE_OK) {
    held_free(list);
    return code;
  }
  held_replace(easy, list);
  return CURLE_OK;
}

/* ---- Files ---- */

/* libcurl writes to a FILE for as long as it lives, a program may close its
   own at any time: this one is ours, with the same descriptor behind it. What
   is written is there at once. */
static FILE *file_of_descriptor(int fd, const char *mode)
{
  FILE *file = NULL;
  if (fd < 0)
    return NULL;
  file = fdopen(fd, mode);
  if (file == NULL) {
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return NULL;
  }
  (void)setvbuf(file, NULL, _IONBF, 0); /* else it is only buffered */
  return file;
}

static FILE *file_open(const char *path, const char *mode)
{
  struct stat status;
  int flags = *mode == 'r' ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;
  int fd = open(path, flags | O_CLOEXEC, 0666);
  /* A directory opens for reading, and libcurl would find it empty. */
  if (fd >= 0 && fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
    (void)close(fd);
    errno = EISDIR;
    return NULL;
  }
  return file_of_descriptor(fd, mode);
}

static FILE *file_check(lua_State *L, const char *name, int value,
                        const char *mode)
{
  FILE *file = NULL;
  if (lua_type(L, value) == LUA_TSTRING) {
    size_t size;
    const char *path = lua_tolstring(L, value, &size);
    if (strlen(path) != size)
      luaL_error(L, "option '%s': the value has a zero byte", name);
    return file_open(path, mode);
  }
  if (!compat_tofile(L, value, &file))
    luaL_error(L, "option '%s': open file or path expected, got %s", name,
               luaL_typename(L, value));
  if (file == NULL)
    luaL_error(L, "option '%s': the file is closed", name);
  /* What it has buffered goes first; what it has read ahead is given back. */
  (void)fflush(file);
  return file_of_descriptor(fcntl(fileno(file), F_DUPFD_CLOEXEC, 0), mode);
}

/* Headers with data but without a function would go to the write function,
   with this file as the data of that one. */
static size_t write_header(char *bytes, size_t one, size_t size, void *data)
{
  return fwrite(bytes, one, size, data);
}

static CURLcode use_file(Easy *easy, CURLoption id, FILE *file)
{
  CURL *handle = easy->handle;
  switch (id) {
  case CURLOPT_WRITEDATA:
    easy->drops_body = false;
    (void)curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, NULL);
    break;
  case CURLOPT_READDATA:
    (void)curl_easy_setopt(handle, CURLOPT_READFUNCTION, NULL);
    break;
  case CURLOPT_HEADERDATA:
    (void)curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, write_header);
    break;
  default: break;
  }
  return curl_easy_setopt(handle, id, file);
}

static CURLcode hold_file(Easy *easy, CURLoption id, FILE *file)
{
  EasyList *held = calloc(1, sizeof *held);
  CURLcode code = CURLE_OUT_OF_MEMORY;
  if (held != NULL) {
    held->option = id;
    held->file = file;
    code = use_file(easy, id, file);
    if (code == CURLE_OK) {
      held_replace(easy, held);
      return CURLE_OK;
    }
    free(held);
  }
  (void)fclose(file);
  return code;
}

FILE *options_body_file(Easy *easy)
{
  EasyList *held = *held_find(easy, CURLOPT_WRITEDATA);
  return held != NULL ? held->file : stdout;
}

void options_renew_file(Easy *easy)
{
  EasyList *held = *held_find(easy, CURLOPT_WRITEDATA);
  if (held != NULL)
    (void)use_file(easy, CURLOPT_WRITEDATA, held->file);
}

CURLcode options_set_file(lua_State *L, Easy *easy, CURLoption id,
                          const char *name, int value)
{
  FILE *file = file_check(L, name, value, id == CURLOPT_READDATA ? "rb" : "wb");
  if (file != NULL)
    return hold_file(easy, id, file);
  snprintf(easy->message, CURL_ERROR_SIZE, "%s", strerror(errno));
  return CURLE_FILE_COULDNT_READ_FILE;
}

/* ---- Reset ---- */

/* libcurl (7.88 for sure) never frees the names of the cookie files. To be told
   that there are none makes it free them, and forget its cookies too: these are
   given back. Nothing here can fail but for want of memory. */
static void reset_cookies(Easy *easy)
{
  CURL *handle = easy->handle;
  CURLSH *share = share_handle(easy->share);
  struct curl_slist *cookies = NULL, *item;
  if (share == NULL)
    (void)curl_easy_getinfo(handle, CURLINFO_COOKIELIST, &cookies);
  (void)curl_easy_setopt(handle, CURLOPT_COOKIEFILE, NULL);
  curl_easy_reset(handle);
  if (share != NULL)
    (void)curl_easy_setopt(handle, CURLOPT_SHARE, share);
  for (item = cookies; item != NULL; item = item->next)
    (void)curl_easy_setopt(handle, CURLOPT_COOKIELIST, item->data);
  curl_slist_free_all(cookies);
  easy->cookie_files = false;
}

void options_reset(Easy *easy)
{
  /* Else the next transfer loads the list that is freed now (7.88 for sure). */
  (void)curl_easy_setopt(easy->handle, CURLOPT_RESOLVE, NULL);
  if (easy->hsts_files && quirk_hsts_names_lost())
    (void)curl_easy_setopt(easy->handle, CURLOPT_HSTS, NULL);
  easy->hsts_files = false;
  if (easy->cookie_files)
    reset_cookies(easy);
  else
    curl_easy_reset(easy->handle);
}

/* ---- Duplicates ---- */

bool options_share_lists(Easy *from, Easy *to)
{
  const EasyList *list;
  for (list = from->lists; list != NULL; list = list->next)
    if (list->file != NULL || from->shared_lists != NULL)
      return false;
  if (from->lists != NULL) {
    from->shared_lists = calloc(1, sizeof *from->shared_lists);
    if (from->shared_lists == NULL)
      return false;
    from->shared_lists->lists = from->lists;
    from->shared_lists->users = 1;
    from->lists = NULL;
  }
  if (from->shared_lists == NULL)
    return true;
  to->shared_lists = from->shared_lists;
  to->shared_lists->users++; /* libcurl has copied the pointers */
  return true;
}

static CURLcode copy_list(const EasyList *list, Easy *to)
{
  EasyList *copy = calloc(1, sizeof *copy);
  const struct curl_slist *item;
  CURLcode code;
  if (copy == NULL)
    return CURLE_OUT_OF_MEMORY;
  copy->option = list->option;
  for (item = list->items; item != NULL; item = item->next) {
    struct curl_slist *longer = curl_slist_append(copy->items, item->data);
    if (longer == NULL) {
      held_free(copy);
      return CURLE_OUT_OF_MEMORY;
    }
    copy->items = longer;
  }
  code = curl_easy_setopt(to->handle, copy->option, copy->items);
  if (code == CURLE_OK)
    held_replace(to, copy);
  else
    held_free(copy);
  return code;
}

bool options_copy_lists(const Easy *from, Easy *to)
{
  const EasyList *list;
  if (from->url != NULL && options_set_url(to, from->url) != CURLE_OK)
    return false;
  for (list = from->lists; list != NULL; list = list->next) {
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (list->file == NULL)
      code = copy_list(list, to);
    else {
      FILE *file =
          file_of_descriptor(fcntl(fileno(list->file), F_DUPFD_CLOEXEC, 0),
                             list->option == CURLOPT_READDATA ? "rb" : "wb");
      if (file != NULL)
        code = hold_file(to, list->option, file);
    }
    if (code != CURLE_OK)
      return false;
  }
  return true;
}
