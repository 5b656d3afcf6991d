#pragma once
// AES-256-GCM and ChaCha20-Poly1305 of Intel's Multi-Buffer Crypto for IPsec Library ("ipsec-mb"), one packet a call.
//
// The library is loaded when the program runs and never linked: built where its header is, a program runs where it is
// not. Built without the header, or with CIPSECMB_WITHOUT_LIBRARY defined, all is there and says "not built in".

#include <stddef.h>
#include <stdint.h>

/// What became of loading the library.
enum cipsecmb_status {
    /// It can be used.
    CIPSECMB_READY = 0,
    /// It was not there when this was built.
    CIPSECMB_NOT_BUILT_IN = 1,
    /// The dynamic linker does not find it, or refuses it: see cipsecmb_detail.
    CIPSECMB_NOT_LOADED = 2,
    /// It is of another version than the header that this was built with: see cipsecmb_detail.
    CIPSECMB_OTHER_VERSION = 3,
    /// It has nothing for this processor, or fails its own test at the start.
    CIPSECMB_NOT_USABLE = 4,
};

/// Loads the library and sets it up. To be called once in a process, before every other function here; these can then be
/// called by any number of threads at a time.
enum cipsecmb_status cipsecmb_load(void);
/// Why it was not loaded, or which version was found. Empty where there is nothing to say.
const char *cipsecmb_detail(void);
/// The version that runs, like 1.3.0. Empty where it is not ready.
const char *cipsecmb_version(void);
/// The file name of the library that is looked for.
const char *cipsecmb_library_name(void);
/// The version that this was built for; 0 for both where it was not built in.
unsigned int cipsecmb_major(void);
unsigned int cipsecmb_minor(void);

// The rest only where cipsecmb_load said CIPSECMB_READY.

// A key of 32 bytes is expanded once, into memory of so many bytes, a multiple of 64, that is aligned to 64.

size_t cipsecmb_aes256_key_bytes(void);
void cipsecmb_aes256_expand(const uint8_t *key, void *expanded);
size_t cipsecmb_chacha20_key_bytes(void);
void cipsecmb_chacha20_expand(const uint8_t *key, void *expanded);

// A packet is 8 bytes of header, which are authenticated, 12 bytes of nonce, `length` bytes of text, and a tag of 16
// bytes. Sealing encrypts the text in place and writes the tag. Opening decrypts in place and returns 1 where the tag
// is right, which it finds out in constant time; else it returns 0, and the text is zeros.

void cipsecmb_aes256_seal(const void *expanded, uint8_t *packet, size_t length);
int cipsecmb_aes256_open(const void *expanded, uint8_t *packet, size_t length);
void cipsecmb_chacha20_seal(const void *expanded, uint8_t *packet, size_t length);
int cipsecmb_chacha20_open(const void *expanded, uint8_t *packet, size_t length);
