package sqlite

// setLock takes or refuses a lock of an open file: F_OFD_SETLK of XNU's
// bsd/sys/fcntl.h, which package unix does not have.
const setLock = 90
