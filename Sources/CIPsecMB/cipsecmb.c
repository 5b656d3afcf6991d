#include "cipsecmb.h"

#if defined(__linux__) && __has_include(<intel-ipsec-mb.h>) && !defined(CIPSECMB_WITHOUT_LIBRARY)
#include <intel-ipsec-mb.h>
// 1.3 is the first version whose manager offers all that is used here.
#if defined(IMB_VERSION_NUM) && IMB_VERSION_NUM >= 0x10300
#define BUILT_IN 1
#endif
#endif

#ifdef BUILT_IN

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

// The manager's layout, and so what its header's macros mean, may change with the minor version: only the patch level
// may differ.
#define MAJOR ((IMB_VERSION_NUM >> 16) & 0xff)
#define MINOR ((IMB_VERSION_NUM >> 8) & 0xff)

#define KEY_BYTES 32
#define HEADER_BYTES 8
#define NONCE_BYTES 12
#define TEXT_OFFSET (HEADER_BYTES + NONCE_BYTES)
#define TAG_BYTES 16
#define CACHE_LINE 64

// Written by cipsecmb_load, and only read after that. The functions used here keep what they work with in the contexts
// that they are given, and so one manager serves all threads.
static const IMB_MGR *manager;
static const char *version = "";
static char detail[256];

typedef IMB_MGR *(*alloc_function)(uint64_t);
typedef void (*free_function)(IMB_MGR *);
typedef void (*init_function)(IMB_MGR *, IMB_ARCH *);
typedef unsigned (*version_function)(void);
typedef const char *(*version_text_function)(void);

const char *cipsecmb_library_name(void) {
#if IMB_VERSION_NUM < 0x20000
    return "libIPSec_MB.so.1";
#else
    return "libIPSec_MB.so.2";
#endif
}

static void note(const char *text) { snprintf(detail, sizeof detail, "%s", text == NULL ? "no reason given" : text); }

// Whether a manager has what is used of it, and passed the library's own test where it has one.
static int is_usable(const IMB_MGR *made, IMB_ARCH architecture) {
    if (architecture == IMB_ARCH_NONE) return 0;
    if ((made->features & IMB_FEATURE_SELF_TEST) && !(made->features & IMB_FEATURE_SELF_TEST_PASS)) return 0;
    return made->gcm256_pre && made->gcm256_enc && made->gcm256_dec && made->chacha20_poly1305_init &&
           made->chacha20_poly1305_enc_update && made->chacha20_poly1305_dec_update &&
           made->chacha20_poly1305_finalize;
}

static enum cipsecmb_status set_up(void *library) {
    const version_function number = (version_function)dlsym(library, "imb_get_version");
    const version_text_function text = (version_text_function)dlsym(library, "imb_get_version_str");
    const alloc_function alloc = (alloc_function)dlsym(library, "alloc_mb_mgr");
    const free_function release = (free_function)dlsym(library, "free_mb_mgr");
    const init_function init = (init_function)dlsym(library, "init_mb_mgr_auto");
    if (!number || !text || !alloc || !release || !init) {
        note(dlerror());
        return CIPSECMB_NOT_LOADED;
    }
    if (number() >> 8 != IMB_VERSION_NUM >> 8) {
        note(text());
        return CIPSECMB_OTHER_VERSION;
    }
    IMB_MGR *made = alloc(0);
    if (!made) return CIPSECMB_NOT_USABLE;
    IMB_ARCH architecture = IMB_ARCH_NONE;
    init(made, &architecture);
    if (!is_usable(made, architecture)) {
        release(made);
        return CIPSECMB_NOT_USABLE;
    }
    manager = made;
    version = text();
    return CIPSECMB_READY;
}

enum cipsecmb_status cipsecmb_load(void) {
    void *library = dlopen(cipsecmb_library_name(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        note(dlerror());
        return CIPSECMB_NOT_LOADED;
    }
    const enum cipsecmb_status status = set_up(library);
    if (status != CIPSECMB_READY) dlclose(library);
    return status;
}

const char *cipsecmb_detail(void) { return detail; }
const char *cipsecmb_version(void) { return version; }
unsigned int cipsecmb_major(void) { return MAJOR; }
unsigned int cipsecmb_minor(void) { return MINOR; }

size_t cipsecmb_aes256_key_bytes(void) {
    return (sizeof(struct gcm_key_data) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

// Contexts hold key stream: they are wiped, as copies of keys are, and the compiler is kept from leaving that out.
#define WIPE(secret)                                        \
    do {                                                    \
        memset(&(secret), 0, sizeof(secret));               \
        __asm__ volatile("" : : "r"(&(secret)) : "memory"); \
    } while (0)

// The library's code for ChaCha20 on AVX2 reads 48 bytes of a key, of which it uses 32. So what follows a key must be
// readable: here as much as a register of 64 bytes takes, wherever in the key it begins.
#define PADDED_KEY_BYTES 128

static void pad(const uint8_t *key, uint8_t *padded) {
    memset(padded, 0, PADDED_KEY_BYTES);
    memcpy(padded, key, KEY_BYTES);
}

void cipsecmb_aes256_expand(const uint8_t *key, void *expanded) {
    uint8_t padded[PADDED_KEY_BYTES];
    pad(key, padded);
    manager->gcm256_pre(padded, expanded);
    WIPE(padded);
}

size_t cipsecmb_chacha20_key_bytes(void) { return PADDED_KEY_BYTES; }

void cipsecmb_chacha20_expand(const uint8_t *key, void *expanded) { pad(key, expanded); }

// Compares the tags without a branch on their bytes. Without the right one, the text is somebody's forgery, decrypted:
// it is wiped, so that nobody can read it.
static int judge(const uint8_t *expected, const uint8_t *tag, uint8_t *text, size_t length) {
    uint64_t a[2], b[2];
    memcpy(a, expected, TAG_BYTES);
    memcpy(b, tag, TAG_BYTES);
    const uint64_t difference = (a[0] ^ b[0]) | (a[1] ^ b[1]);
    if (difference == 0) return 1;
    memset(text, 0, length);
    return 0;
}

void cipsecmb_aes256_seal(const void *expanded, uint8_t *packet, size_t length) {
    struct gcm_context_data context;
    uint8_t *text = packet + TEXT_OFFSET;
    manager->gcm256_enc(expanded, &context, text, text, length, packet + HEADER_BYTES, packet, HEADER_BYTES,
                        text + length, TAG_BYTES);
    WIPE(context);
}

int cipsecmb_aes256_open(const void *expanded, uint8_t *packet, size_t length) {
    struct gcm_context_data context;
    uint8_t *text = packet + TEXT_OFFSET;
    uint8_t tag[TAG_BYTES];
    manager->gcm256_dec(expanded, &context, text, text, length, packet + HEADER_BYTES, packet, HEADER_BYTES, tag,
                        TAG_BYTES);
    WIPE(context);
    return judge(tag, text + length, text, length);
}

// The library has no function for all of this cipher but its queue of jobs. That is 4 % faster, but the queue belongs to
// the manager, so that each thread would need one (200 KB) of its own.

void cipsecmb_chacha20_seal(const void *expanded, uint8_t *packet, size_t length) {
    struct chacha20_poly1305_context_data context;
    uint8_t *text = packet + TEXT_OFFSET;
    manager->chacha20_poly1305_init(expanded, &context, packet + HEADER_BYTES, packet, HEADER_BYTES);
    manager->chacha20_poly1305_enc_update(expanded, &context, text, text, length);
    manager->chacha20_poly1305_finalize(&context, text + length, TAG_BYTES);
    WIPE(context);
}

int cipsecmb_chacha20_open(const void *expanded, uint8_t *packet, size_t length) {
    struct chacha20_poly1305_context_data context;
    uint8_t *text = packet + TEXT_OFFSET;
    uint8_t tag[TAG_BYTES];
    manager->chacha20_poly1305_init(expanded, &context, packet + HEADER_BYTES, packet, HEADER_BYTES);
    manager->chacha20_poly1305_dec_update(expanded, &context, text, text, length);
    manager->chacha20_poly1305_finalize(&context, tag, TAG_BYTES);
    WIPE(context);
    return judge(tag, text + length, text, length);
}

#else

enum cipsecmb_status cipsecmb_load(void) { return CIPSECMB_NOT_BUILT_IN; }
const char *cipsecmb_detail(void) { return ""; }
const char *cipsecmb_version(void) { return ""; }
const char *cipsecmb_library_name(void) { return ""; }
unsigned int cipsecmb_major(void) { return 0; }
unsigned int cipsecmb_minor(void) { return 0; }

// Never called, as cipsecmb_load never says that they may be; if they were, a packet would not be sealed.
static void refuse(void) { __builtin_trap(); }

size_t cipsecmb_aes256_key_bytes(void) { return 64; }
size_t cipsecmb_chacha20_key_bytes(void) { return 64; }
void cipsecmb_aes256_expand(const uint8_t *key, void *expanded) { (void)key, (void)expanded, refuse(); }
void cipsecmb_chacha20_expand(const uint8_t *key, void *expanded) { (void)key, (void)expanded, refuse(); }
void cipsecmb_aes256_seal(const void *expanded, uint8_t *packet, size_t length) {
    (void)expanded, (void)packet, (void)length, refuse();
}
int cipsecmb_aes256_open(const void *expanded, uint8_t *packet, size_t length) {
    (void)expanded, (void)packet, (void)length, refuse();
    return 0;
}
void cipsecmb_chacha20_seal(const void *expanded, uint8_t *packet, size_t length) {
    (void)expanded, (void)packet, (void)length, refuse();
}
int cipsecmb_chacha20_open(const void *expanded, uint8_t *packet, size_t length) {
    (void)expanded, (void)packet, (void)length, refuse();
    return 0;
}

#endif
