package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
	"golang.org/x/sys/unix"
)

// disk is the file of a store, locked against other proxies while it is open,
// and the VFS that SQLite uses for that store: a sync that fails, or finds that
// the file was moved, ends the store's writes for good.
//
// The kernel reports a page that it could not write once, and then treats it as
// written. So SQLite must not try again, as it would: after a failed sync every
// sync fails. Since copying the log into the database begins and ends with a
// sync, the log then stays as it is, even when the store is closed. The next
// process to open the store copies all of it.
type disk struct {
	vfs.VFS
	path   string      // of the database: absolute, with symbolic links resolved
	file   *os.File    // the database, which holds the lock
	info   fs.FileInfo // of file
	folder *os.File
	log    *slog.Logger
	failed atomic.Pointer[error] // why writes have ended
}

// errMoved says that the store's files were renamed or removed.
var errMoved = errors.New("the database file or its write-ahead log was removed, renamed or replaced")

// openDisk opens <data-dir>/<name>.db. It creates the file, for its owner only,
// and the data directory if they are missing; what it creates survives a power
// cut.
func openDisk(dataDir, name string, log *slog.Logger) (*disk, error) {
	dir, err := filepath.Abs(dataDir)
	if err != nil {
		return nil, err
	}
	if err := makeFolder(dir); err != nil {
		return nil, unusable(err)
	}
	path := filepath.Join(dir, name+".db")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unusable(err)
	}
	d := &disk{VFS: vfs.Find(""), file: file, log: log.With("namespace", name)}
	if err := d.open(path); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// unusable adds to an error of the file system, which names the file, what to
// do about it.
func unusable(err error) error {
	fix := "name another --data-dir"
	switch {
	case errors.Is(err, fs.ErrPermission):
		fix = "let the proxy's user read and write there, or " + fix
	case errors.Is(err, unix.EROFS):
		fix = "let the file system be mounted for writing, or " + fix
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		fix = "make space, or " + fix
	case errors.Is(err, unix.EISDIR):
		fix = "move the folder that has the database's name away, or " + fix
	case errors.Is(err, unix.ENOTDIR):
		fix = "it leads through a file; " + fix
	}
	return fmt.Errorf("%w; %s", err, fix)
}

func (d *disk) open(path string) (err error) {
	if err := lock(d.file); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if d.path, err = filepath.EvalSymlinks(path); err != nil {
		return err
	}
	if d.info, err = d.file.Stat(); err != nil {
		return err
	}
	if d.folder, err = os.Open(filepath.Dir(d.path)); err != nil {
		return err
	}
	if err := d.folder.Sync(); err != nil {
		return err
	}
	vfs.Register(d.name(), d)
	return nil
}

// name is the VFS's name, unique in the process.
func (d *disk) name() string { return fmt.Sprintf("prism-%p", d) }

// connect opens a connection to the database.
func (d *disk) connect() (*sqlite3.Conn, error) {
	uri := url.URL{Scheme: "file", Path: d.path, RawQuery: "vfs=" + d.name()}
	return sqlite3.OpenFlags(uri.String(), sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI)
}

// close releases the lock. The connections must be closed before.
func (d *disk) close() error {
	vfs.Unregister(d.name())
	err := d.file.Close()
	if d.folder != nil {
		err = errors.Join(err, d.folder.Close())
	}
	return err
}

// ended returns why writes have ended, or nil.
func (d *disk) ended() error {
	if err := d.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// end ends writes. It returns err.
func (d *disk) end(err error) error {
	if d.failed.CompareAndSwap(nil, &err) {
		d.log.Error("the store takes no more writes: check the disk, close other programs that have the file open, and restart the proxy", "file", d.path, "error", err.Error())
	}
	return err
}

// lockByte is the first after those that SQLite locks in a database. They are
// all in a page that never holds data, whatever the file's size
// (https://sqlite.org/fileformat2.html#the_lock_byte_page).
const lockByte = 0x40000000 + 512

// lock takes the lock that keeps a second proxy from the database, whatever
// path it uses. The lock belongs to the open file: opening and closing the
// database elsewhere does not affect it. It ends with the process.
func lock(file *os.File) error {
	err := unix.FcntlFlock(file.Fd(), setLock, &unix.Flock_t{Type: unix.F_WRLCK, Start: lockByte, Len: 1})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return errors.New("the file is locked by another process, under this path or another; an embedded store serves one proxy: stop the other, or give this one its own --data-dir")
	}
	if err != nil {
		return fmt.Errorf("the file cannot be locked: %w; put the data directory on a local file system", err)
	}
	return nil
}

// makeFolder creates a folder and its missing parents.
func makeFolder(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(path)
	if parent == path {
		return fmt.Errorf("%s is not a folder", path)
	}
	if err := makeFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	folder, err := os.Open(parent)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Open is never called: OpenFilename is called instead.
func (d *disk) Open(string, vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	return nil, 0, sqlite3.CANTOPEN
}

// OpenFilename opens a file of the store, or a temporary one.
func (d *disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	opened, flags, err := d.VFS.(vfs.VFSFilename).OpenFilename(name, flags)
	if err != nil || flags&(vfs.OPEN_MAIN_DB|vfs.OPEN_MAIN_JOURNAL|vfs.OPEN_WAL) == 0 {
		return opened, flags, err
	}
	f, ok := opened.(file)
	if !ok {
		return nil, flags, errors.Join(sqlite3.CANTOPEN, opened.Close())
	}
	return &diskFile{file: f, disk: d, unlisted: flags&vfs.OPEN_MAIN_DB == 0}, flags, nil
}

// file is what the driver's own files implement. SQLite also uses what goes
// beyond vfs.File, such as the log's shared memory; all of it is passed on.
type file interface {
	vfs.File
	vfs.FileHasMoved
	vfs.FileLockState
	vfs.FileMemoryMapper
	vfs.FilePersistWAL
	vfs.FilePowersafeOverwrite
	vfs.FileSharedMemory
	vfs.FileSizeHint
}

// diskFile is a database, its log, or the journal that it has before it has a
// log.
type diskFile struct {
	file
	disk     *disk
	unlisted bool // the file may be new and its folder not synced since
}

// DeviceCharacteristics leaves out atomic writes, which diskFile does not have.
func (f *diskFile) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return f.file.DeviceCharacteristics() &^ vfs.IOCAP_BATCH_ATOMIC
}

// Sync syncs the file, and the first time also its folder.
//
// The driver means to sync the folder as well, and syncs the file twice: in
// go-sqlite3 v0.35.6, vfs/file.go, (*vfsFile).Sync opens the folder as d and
// calls osSync(f.File, …) where osSync(d, …) is meant. Its Delete is right.
func (f *diskFile) Sync(flags vfs.SyncFlag) error {
	ended := f.disk.ended()
	if ended != nil && ended != errMoved {
		return ended
	}
	if err := f.file.Sync(flags); err != nil {
		return f.disk.end(err)
	}
	if f.unlisted {
		if err := f.disk.folder.Sync(); err != nil {
			return f.disk.end(err)
		}
		f.unlisted = false
	}
	if ended == errMoved { // saves what is in the log when the store is closed
		return nil
	}
	if moved, err := f.HasMoved(); err != nil || moved || f.disk.moved() {
		return f.disk.end(errMoved)
	}
	return nil
}

// moved reports whether the path no longer leads to the database.
func (d *disk) moved() bool {
	info, err := os.Stat(d.path)
	return err != nil || !os.SameFile(info, d.info)
}
