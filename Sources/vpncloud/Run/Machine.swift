import Glibc

/// How many processors this machine has, one at least.
var processorCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
