/* The same client with every trick that is known to be safe: a uv_poll that
 * stays armed between two requests, a timer of 0 ms served at once, easy
 * handles set up once, one parsed URL, header lines that libcurl need not
 * format, several multis on the one loop because libcurl's search for a
 * connection is linear, no search at all when none can be idle, buffers as
 * large as the work wants, and for HTTP/2 admission.c in front of libcurl. */
#include "best.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More rounds than that in one go mean that transfers end without any I/O:
 * the loop has to get a turn. */
#define KICKS_MAX 100

/* Connections that a search in one multi is cheap for, and multis at most. */
#define SHARD_CONNECTIONS 16
#define SHARDS_MAX 32

struct shard {
  CURLM *multi;
  uv_timer_t timer;
  bool acting; /* shard_act() is running and will see `kick` */
  bool kick;   /* libcurl asked for a timer of 0 ms */
};

struct watch {
  uv_poll_t poll;
  curl_socket_t fd;
  struct shard *shard;
  int wanted; /* the UV_ events that libcurl waits for; 0 after REMOVE */
  int armed;  /* the events that libuv was told to watch */
  bool asked_in;
};

/* Indexed by descriptor. `ours` says that on_open_socket() made it, so that
 * on_close_socket() is called before it is closed. */
struct descriptor {
  struct watch *watch;
  bool ours;
};

static struct options options;
static uv_loop_t *loop;
static CURLU *url;
static struct curl_slist *header_lines;
static struct shard *shards;
static long next_shard;
static struct descriptor *descriptors;
static size_t descriptor_count;

static void shard_act(struct shard *shard, curl_socket_t fd, int flags);

static struct descriptor *descriptor_at(curl_socket_t fd)
{
  size_t count = descriptor_count ? descriptor_count : 64;

  while (count <= (size_t)fd)
    count *= 2;
  if (count != descriptor_count) {
    descriptors = realloc(descriptors, count * sizeof(*descriptors));
    require(descriptors != NULL, "realloc");
    memset(descriptors + descriptor_count, 0,
           (count - descriptor_count) * sizeof(*descriptors));
    descriptor_count = count;
  }
  return &descriptors[fd];
}

static void on_close(uv_handle_t *handle)
{
  free(handle->data);
}

/* Detaches the poll before it returns; only its memory lives on. */
static void watch_close(struct descriptor *descriptor)
{
  struct watch *watch = descriptor->watch;

  if (!watch)
    return;
  descriptor->watch = NULL;
  uv_close((uv_handle_t *)&watch->poll, on_close);
}

static struct watch *watch_new(struct shard *shard, curl_socket_t fd)
{
  struct watch *watch = calloc(1, sizeof(*watch));

  require(watch != NULL, "calloc");
  watch->fd = fd;
  watch->shard = shard;
  require(uv_poll_init_socket(loop, &watch->poll, fd) == 0, "uv_poll_init");
  watch->poll.data = watch;
  return watch;
}

static void on_poll(uv_poll_t *poll, int status, int events);

/* libuv spends a system call on a start that changes nothing. */
static void watch_arm(struct watch *watch)
{
  if (watch->armed == watch->wanted)
    return;
  require(uv_poll_start(&watch->poll, watch->wanted, on_poll) == 0,
          "uv_poll_start");
  watch->armed = watch->wanted;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
  struct watch *watch = poll->data;
  curl_socket_t fd = watch->fd;
  int flags = 0;

  if (!watch->wanted) {
    /* An idle connection became readable, as when its server closed it.
     * libcurl looks at it before the next use; until then be quiet. */
    uv_poll_stop(poll);
    watch->armed = 0;
    return;
  }
  if (status < 0) {
    watch->armed = 0; /* libuv stops the handle after an error */
    flags = CURL_CSELECT_IN | CURL_CSELECT_OUT | CURL_CSELECT_ERR;
  }
  if (events & UV_READABLE)
    flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE)
    flags |= CURL_CSELECT_OUT;
  shard_act(watch->shard, fd, flags);
  watch = descriptors[fd].watch; /* the call may have closed it */
  if (watch && watch->wanted)
    watch_arm(watch);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *userp,
                          void *assigned)
{
  struct descriptor *descriptor = descriptor_at(fd);
  struct watch *watch = descriptor->watch;

  (void)easy;
  (void)assigned;
  if (what == CURL_POLL_REMOVE) {
    /* The poll may outlive this only if on_close_socket() is sure to end it
     * before close(). It is not for a foreign descriptor (the resolver's),
     * nor, before libcurl 8.2, for a connect that is given up; such a socket
     * never asked for IN, and its number may come back as a foreign one. */
    if (watch && descriptor->ours && watch->asked_in)
      watch->wanted = 0;
    else {
      descriptor->ours = false;
      watch_close(descriptor);
    }
    return 0;
  }
  if (!watch)
    watch = descriptor->watch = watch_new(userp, fd);
  watch->wanted = what == CURL_POLL_IN    ? UV_READABLE
                  : what == CURL_POLL_OUT ? UV_WRITABLE
                                          : UV_READABLE | UV_WRITABLE;
  if (what != CURL_POLL_OUT)
    watch->asked_in = true;
  watch_arm(watch);
  return 0;
}

static curl_socket_t on_open_socket(void *userp, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
  curl_socket_t fd =
      socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
             address->protocol);

  (void)userp;
  (void)purpose;
  if (fd < 0)
    return CURL_SOCKET_BAD;
  watch_close(descriptor_at(fd));
  descriptors[fd].ours = true;
  return fd;
}

/* Outlives the easy handle that opened the connection: no user data. */
static int on_close_socket(void *userp, curl_socket_t fd)
{
  (void)userp;
  watch_close(descriptor_at(fd));
  descriptors[fd].ours = false;
  return close(fd);
}

static void on_timer(uv_timer_t *timer)
{
  shard_act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *userp)
{
  struct shard *shard = userp;

  (void)multi;
  shard->kick = timeout_ms == 0 && shard->acting;
  if (timeout_ms < 0 || shard->kick)
    uv_timer_stop(&shard->timer);
  else {
    if (timeout_ms > 0)
      uv_update_time(loop); /* else the timer fires early */
    uv_timer_start(&shard->timer, on_timer, (uint64_t)timeout_ms, 0);
  }
  return 0;
}

/* A large body in few pieces; many waiting transfers in little memory. Below
 * 2,048 libcurl before 8.1 writes past the buffer of an HTTP/2 transfer. */
static long buffer_size(void)
{
  if (options.buffer)
    return options.buffer;
  if (options.stream || options.save)
    return 512 * 1024L;
  if (options.inflight)
    return options.http2 ? 2048 : 1024;
  return 0;
}

static void best_open(struct slot *slot)
{
  long buffer = buffer_size();

  slot->multi = shards[next_shard++ % options.shards].multi;
  slot->easy = curl_easy_init();
  require(slot->easy != NULL, "curl_easy_init");
  slot_prepare(slot, &options);
  if (options.numbered)
    slot_number(slot, &options);
  else
    curl_easy_setopt(slot->easy, CURLOPT_CURLU, url);
  /* libcurl formats its own options for each request, these it copies. */
  curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, header_lines);
  if (buffer)
    curl_easy_setopt(slot->easy, CURLOPT_BUFFERSIZE, buffer);
  /* All at once, so none is idle: no search. */
  if (options.inflight && !options.http2)
    curl_easy_setopt(slot->easy, CURLOPT_FRESH_CONNECT, 1L);
  /* No search of the environment for a proxy in each request. */
  curl_easy_setopt(slot->easy, CURLOPT_PROXY, "");
  curl_easy_setopt(slot->easy, CURLOPT_NOPROXY, "");
  curl_easy_setopt(slot->easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
  curl_easy_setopt(slot->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close_socket);
}

/* Another query on the URL that is parsed already. */
static void query_change(struct slot *slot)
{
  char query[32];

  (void)snprintf(query, sizeof(query), "n=%ld", kind_number());
  if (!slot->url)
    slot->url = curl_url_dup(url);
  require(slot->url && !curl_url_set(slot->url, CURLUPART_QUERY, query, 0),
          "curl_url_set");
  curl_easy_setopt(slot->easy, CURLOPT_CURLU, slot->url);
}

static void best_start(struct slot *slot)
{
  if (options.kind->distinct)
    query_change(slot);
  if (options.inflight && options.http2)
    admission_enter(slot);
  else
    require(curl_multi_add_handle(slot->multi, slot->easy) == CURLM_OK,
            "curl_multi_add_handle");
}

static void messages_read(struct shard *shard)
{
  CURLMsg *message;
  int pending;

  while ((message = curl_multi_info_read(shard->multi, &pending))) {
    CURL *easy = message->easy_handle;
    CURLcode result = message->data.result;
    struct slot *slot;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &slot);
    curl_multi_remove_handle(shard->multi, easy);
    if (load_finished(slot, result))
      best_start(slot);
  }
}

static void shard_step(struct shard *shard, curl_socket_t fd, int flags)
{
  int running;

  curl_multi_socket_action(shard->multi, fd, flags, &running);
  messages_read(shard);
  admission_serve();
}

static void shard_act(struct shard *shard, curl_socket_t fd, int flags)
{
  shard->acting = true;
  shard_step(shard, fd, flags);
  for (int i = 0; shard->kick && i < KICKS_MAX; i++) {
    shard->kick = false;
    shard_step(shard, CURL_SOCKET_TIMEOUT, 0);
  }
  shard->acting = false;
  if (shard->kick) {
    /* Not 0: libuv before 1.48 would run it again in this very turn. */
    shard->kick = false;
    uv_timer_start(&shard->timer, on_timer, 1, 0);
  }
}

static void shard_open(struct shard *shard)
{
  long most = options.inflight ? options.inflight : options.connections;

  require(uv_timer_init(loop, &shard->timer) == 0, "uv_timer_init");
  shard->timer.data = shard;
  shard->multi = curl_multi_init();
  require(shard->multi != NULL, "curl_multi_init");
  curl_multi_setopt(shard->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
  curl_multi_setopt(shard->multi, CURLMOPT_SOCKETDATA, shard);
  curl_multi_setopt(shard->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
  curl_multi_setopt(shard->multi, CURLMOPT_TIMERDATA, shard);
  curl_multi_setopt(shard->multi, CURLMOPT_PIPELINING,
                    (long)CURLPIPE_MULTIPLEX);
  curl_multi_setopt(shard->multi, CURLMOPT_MAXCONNECTS, most + 1);
}

static void shard_close(struct shard *shard)
{
  curl_multi_cleanup(shard->multi); /* closes what was kept open */
  uv_close((uv_handle_t *)&shard->timer, NULL);
}

static void shards_open(void)
{
  long most = options.inflight ? options.inflight : options.connections;

  if (!options.shards) {
    options.shards = options.http2 ? 1 : most / SHARD_CONNECTIONS;
    if (options.shards < 1)
      options.shards = 1;
    if (options.shards > SHARDS_MAX)
      options.shards = SHARDS_MAX;
  }
  shards = calloc((size_t)options.shards, sizeof(*shards));
  require(shards != NULL, "calloc");
  for (long i = 0; i < options.shards; i++)
    shard_open(&shards[i]);
}

static void header_lines_make(void)
{
  header_lines = kind_headers(options.kind, NULL);
  if (options.bare)
    return;
  header_lines = curl_slist_append(header_lines, "User-Agent: bench-in-c/0.10");
  header_lines =
      curl_slist_append(header_lines, "Accept-Encoding: gzip, br, zstd");
  require(header_lines != NULL, "curl_slist_append");
}

int main(int argc, char **argv)
{
  static const struct client client = { "best", best_open, best_start };
  int status;

  options_read(&options, argc, argv);
  options.gather = true;
  require(curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK, "curl_global_init");
  loop = uv_default_loop();
  url = curl_url();
  require(url && !curl_url_set(url, CURLUPART_URL, options.url, 0),
          "parsing the URL");
  header_lines_make();
  shards_open();

  status = load_run(&options, loop, &client);

  for (long i = 0; i < options.shards; i++)
    shard_close(&shards[i]);
  uv_run(loop, UV_RUN_DEFAULT); /* delivers the close callbacks */
  (void)uv_loop_close(loop);    /* nothing is left to do if it were busy */
  free(shards);
  free(descriptors);
  curl_slist_free_all(header_lines);
  curl_url_cleanup(url);
  curl_global_cleanup();
  return status;
}
