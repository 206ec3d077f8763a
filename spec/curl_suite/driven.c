/* One loop with its driver for each thread, what is known of the program's
   handles, and multis on that driver. */
#define _GNU_SOURCE
#include "shim.h"

#include <stdlib.h>
#include <unistd.h>

static pthread_key_t host_key;
static bool host_key_made;
static Host *spare; /* made before the program can have used all fds */

static Host *host_new(void)
{
  Host *host = calloc(1, sizeof *host);
  if (host == NULL)
    return NULL;
  if (uv_loop_init(&host->loop) != 0) {
    free(host);
    return NULL;
  }
  host->driver = uvdriver_new(&host->loop);
  (void)uv_timer_init(&host->loop, &host->timer);
  uv_unref((uv_handle_t *)&host->timer);
  uvdriver_limit_turn(host->driver, (int)setting("SHIM_TURN", 0));
  return host;
}

static void host_close(void *data)
{
  Host *host = data;
  int i;
  if (uvdriver_watched(host->driver) > 0)
    note_oddity("watches left", (int)uvdriver_watched(host->driver));
  uvdriver_close(host->driver);
  uv_close((uv_handle_t *)&host->timer, NULL);
  for (i = 0; i < 10 && uv_loop_close(&host->loop) != 0; i++)
    (void)uv_run(&host->loop, UV_RUN_NOWAIT);
  if (i == 10)
    note_oddity("the loop did not close", i);
  free(host);
}

Host *host_here(void)
{
  Host *host = pthread_getspecific(host_key);
  if (host != NULL)
    return host;
  host = __sync_lock_test_and_set(&spare, NULL);
  if (host == NULL)
    host = host_new();
  if (host != NULL)
    (void)pthread_setspecific(host_key, host);
  return host;
}

static void on_ring(uv_timer_t *timer)
{
  container_of(timer, Host, timer)->rang = true;
}

bool host_turn(Host *host, const Driven *driven, long ms)
{
  host->rang = false;
  host->running = true;
  uvdriver_flush(host->driver);
  host->running = false;
  if (driven != NULL && driven_has_ended(driven))
    return false;
  if (ms >= 0) {
    uv_update_time(&host->loop);
    (void)uv_timer_start(&host->timer, on_ring, (uint64_t)ms, 0);
  }
  host->running = true;
  uvdriver_flushing(host->driver);
  (void)uv_run(&host->loop, ms == 0 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
  while (uvdriver_is_behind(host->driver))
    uvdriver_catch_up(host->driver);
  host->running = false;
  (void)uv_timer_stop(&host->timer);
  return host->rang;
}

void host_begin(void)
{
  host_key_made = pthread_key_create(&host_key, host_close) == 0;
  spare = host_new();
}

void host_finish(void)
{
  Host *host = host_key_made ? pthread_getspecific(host_key) : NULL;
  if (host != NULL && !host->running && uvdriver_watched(host->driver) > 0)
    note_oddity("watches at the end", (int)uvdriver_watched(host->driver));
}

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
Easy *easies;
Driven *multis;

Easy *easy_find(CURL *easy)
{
  Easy *at;
  (void)pthread_mutex_lock(&lock);
  for (at = easies; at != NULL && at->easy != easy; at = at->next)
    ;
  (void)pthread_mutex_unlock(&lock);
  return at;
}

Easy *easy_note(CURL *easy)
{
  Easy *made = easy != NULL ? calloc(1, sizeof *made) : NULL;
  if (made == NULL)
    return NULL;
  made->easy = easy;
  made->no_progress = true;
  made->connections = 5; /* as curl_easy_perform has it */
  (void)pthread_mutex_lock(&lock);
  made->next = easies;
  easies = made;
  (void)pthread_mutex_unlock(&lock);
  return made;
}

void easy_forget(Easy *easy)
{
  Easy **link;
  (void)pthread_mutex_lock(&lock);
  for (link = &easies; *link != easy; link = &(*link)->next)
    ;
  *link = easy->next;
  (void)pthread_mutex_unlock(&lock);
  free(easy);
}

/* ---- Sockets of programs with functions of their own ---- */

static curl_socket_t on_open(void *data, curlsocktype purpose,
                             struct curl_sockaddr *address)
{
  Sockets *sockets = data;
  curl_socket_t fd;
  if (sockets->open == NULL)
    return uvdriver_open(sockets->driver, purpose, address);
  fd = sockets->open(sockets->open_data, purpose, address);
  if (fd != CURL_SOCKET_BAD)
    uvdriver_adopt(sockets->driver, fd, address->socktype);
  return fd;
}

static int on_close(void *data, curl_socket_t fd)
{
  Sockets *sockets = data;
  uvdriver_release(sockets->driver, fd);
  return sockets->close != NULL ? sockets->close(sockets->close_data, fd)
                                : close(fd);
}

static int on_prereq(void *data, char *peer, char *local, int peer_port,
                     int local_port)
{
  Easy *easy = data;
  UvPlace place = { peer, peer_port, local_port, 118 };
  if (easy->in == NULL ||
      !uvdriver_use(easy->in->host->driver, &easy->use, &place) ||
      easy->prereq == NULL)
    return CURL_PREREQFUNC_OK;
  return easy->prereq(easy->prereq_data, peer, local, peer_port, local_port);
}

static void sockets_take(Easy *easy, Host *host)
{
  Sockets *kept;
  real_curl_easy_setopt(easy->easy, CURLOPT_PREREQFUNCTION, on_prereq);
  real_curl_easy_setopt(easy->easy, CURLOPT_PREREQDATA, easy);
  if (easy->sockets.open == NULL && easy->sockets.close == NULL) {
    uvdriver_prepare_easy(host->driver, easy->easy);
    return;
  }
  kept = malloc(sizeof *kept); /* never freed, see Sockets */
  if (kept == NULL)
    abort();
  *kept = easy->sockets;
  kept->driver = host->driver;
  real_curl_easy_setopt(easy->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
  real_curl_easy_setopt(easy->easy, CURLOPT_OPENSOCKETDATA, kept);
  real_curl_easy_setopt(easy->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
  real_curl_easy_setopt(easy->easy, CURLOPT_CLOSESOCKETDATA, kept);
}

void sockets_give_back(Easy *easy)
{
  Sockets *own = &easy->sockets;
  real_curl_easy_setopt(easy->easy, CURLOPT_OPENSOCKETFUNCTION, own->open);
  real_curl_easy_setopt(easy->easy, CURLOPT_OPENSOCKETDATA, own->open_data);
  real_curl_easy_setopt(easy->easy, CURLOPT_CLOSESOCKETFUNCTION, own->close);
  real_curl_easy_setopt(easy->easy, CURLOPT_CLOSESOCKETDATA, own->close_data);
  real_curl_easy_setopt(easy->easy, CURLOPT_PREREQFUNCTION, easy->prereq);
  real_curl_easy_setopt(easy->easy, CURLOPT_PREREQDATA, easy->prereq_data);
}

/* As easy_unuse in src/easy.c. */
static void unuse(Easy *easy)
{
  long version = 0, status = 0;
  (void)curl_easy_getinfo(easy->easy, CURLINFO_HTTP_VERSION, &version);
  (void)curl_easy_getinfo(easy->easy, CURLINFO_RESPONSE_CODE, &status);
  uvdriver_unuse(&easy->use,
                 status != 101 && (version == CURL_HTTP_VERSION_1_1 ||
                                   version == CURL_HTTP_VERSION_1_0),
                 true);
}

/* ---- A multi on the driver ---- */

static void on_done(CURL *easy, CURLcode result, void *data)
{
  Driven *driven = data;
  Message *message = malloc(sizeof *message);
  Easy *ended = easy_find(easy);
  if (ended != NULL && !ended->connect_only)
    unuse(ended);
  if (driven->entered != 0)
    note_oddity("FAULT: done was called inside libcurl", driven->entered);
  if (message == NULL)
    abort();
  message->easy = easy;
  message->result = result;
  message->next = NULL;
  if (driven->wakeup >= 0)
    note("transfer %d of a multi", (int)result);
  *driven->last = message;
  driven->last = &message->next;
}

static void on_failed(CURLMcode code, void *data)
{
  note_oddity("the multi failed", (int)code);
  ((Driven *)data)->failure = code;
}

static void on_enter(void *data)
{
  if (((Driven *)data)->entered++ != 0)
    note_oddity("FAULT: libcurl was entered twice", ((Driven *)data)->entered);
}

static void on_leave(void *data)
{
  ((Driven *)data)->entered--;
}

bool take_message(Driven *driven, CURL **easy, CURLcode *result)
{
  Message *message = driven->first;
  if (message == NULL)
    return false;
  driven->first = message->next;
  if (driven->first == NULL)
    driven->last = &driven->first;
  *easy = message->easy;
  *result = message->result;
  free(message);
  return true;
}

bool driven_has_ended(const Driven *driven)
{
  return driven->first != NULL || driven->failure != CURLM_OK;
}

static void drop_messages(Driven *driven, const CURL *easy)
{
  Message **link = &driven->first;
  while (*link != NULL) {
    Message *at = *link;
    if (easy == NULL || at->easy == easy) {
      *link = at->next;
      free(at);
    }
    else
      link = &at->next;
  }
  driven->last = link;
}

Driven *driven_new(Host *host, CURLM *multi)
{
  Driven *driven = calloc(1, sizeof *driven);
  if (driven == NULL)
    return NULL;
  driven->host = host;
  driven->wakeup = -1;
  driven->last = &driven->first;
  driven->uv.handle = multi;
  driven->uv.done = on_done;
  driven->uv.failed = on_failed;
  driven->uv.enter = on_enter;
  driven->uv.leave = on_leave;
  driven->uv.data = driven;
  if (uvdriver_add_multi(host->driver, &driven->uv) != CURLM_OK) {
    free(driven);
    return NULL;
  }
  return driven;
}

CURLMcode driven_end(Driven *driven)
{
  CURLMcode code = REAL(curl_multi_cleanup)(driven->uv.handle);
  uvdriver_remove_multi(&driven->uv);
  drop_messages(driven, NULL);
  if (driven->wakeup >= 0)
    (void)close(driven->wakeup);
  (void)host_turn(driven->host, NULL, 0);
  free(driven);
  return code;
}

CURLMcode driven_add(Driven *driven, Easy *easy)
{
  CURLMcode code;
  if (easy->in != NULL) /* its sockets are taken */
    return REAL(curl_multi_add_handle)(driven->uv.handle, easy->easy);
  sockets_take(easy, driven->host);
  code = REAL(curl_multi_add_handle)(driven->uv.handle, easy->easy);
  if (code == CURLM_OK) {
    easy->in = driven;
    driven->transfers++;
    uvdriver_transfers(driven->host->driver, 1);
  }
  else
    sockets_give_back(easy);
  return code;
}

CURLMcode driven_remove(Driven *driven, Easy *easy)
{
  CURLMcode code =
      REAL(curl_multi_remove_handle)(driven->uv.handle, easy->easy);
  if (code != CURLM_OK)
    return code;
  drop_messages(driven, easy->easy);
  unuse(easy);
  easy->in = NULL;
  driven->transfers--;
  uvdriver_transfers(driven->host->driver, -1);
  sockets_give_back(easy);
  return code;
}

void driven_sweep(Driven *driven)
{
  int running;
  on_enter(driven);
  (void)real_curl_multi_socket_all(driven->uv.handle, &running);
  on_leave(driven);
  uvdriver_drain(&driven->uv);
}
