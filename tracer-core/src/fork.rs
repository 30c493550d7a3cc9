//! Forks: a child process has one thread, the one that forked, and a copy of everything else.
//!
//! The worker and the export threads do not exist in the child. A lock that another thread held
//! stays locked forever, and exporters hold the parent's sockets. So the child uses no state that
//! threads shared. It neither locks nor drops that state, and creates its own when its first span
//! needs it ([`PerProcess`]). State that both processes use is never written, or only while forks
//! are held off ([`hold_forks`]).
//!
//! ```text
//! fork():  prepare: waits for the sections    parent: releases them
//!                                             child:  GENERATION + 1, this thread's ids and rings
//! later:   a span ends that started in another generation: counted as `forked`
//!          the first ring or flush of this generation: a new pipeline state and a new worker
//! ```
//!
//! The handlers take one lock and set a few words, so a fork takes some microseconds longer. A fork
//! that only runs another program starts nothing. Processes created without the C library's `fork`
//! (`vfork`, `_Fork`, the bare system call) run no handlers, so they may only run another program.
//!
//! This module and all code that a child may wait for use the locks of the standard library, whose
//! whole state is in the lock. `parking_lot` keeps its waiting threads in one table of the process.
//! A fork may leave that table locked, or referring to threads that are gone. (Tokio's feature
//! `parking_lot` brings this problem back for the exporters' runtimes; the crate's docs say so.)
//!
//! One lock of the standard library cannot be avoided. On Linux, each thread that starts or ends
//! takes one for its stack guard, and a child forked at that moment can start no thread.

use std::{
    cell::Cell,
    io, mem,
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The number of forks between the first process and this one.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Held by sections that no fork may interrupt, and by a thread while it forks.
static GATE: Mutex<()> = Mutex::new(());

/// Returns the number of forks that led to this process. It is cheap: one load of a word that is
/// written only in a fork.
pub(crate) fn generation() -> u64 {
    // Relaxed: the value was written before the child had a second thread.
    GENERATION.load(Ordering::Relaxed)
}

/// Keeps other threads from forking until the guard is dropped.
///
/// For short sections that call no user code and do not nest: a thread that forks inside one waits
/// for itself. Returns `None` in the fork handlers of other libraries, which may run between the
/// handlers of this module. In that case, the calling thread is the one that forks.
#[must_use = "the section ends when this is dropped"]
fn hold_forks() -> Option<MutexGuard<'static, ()>> {
    (!FORKING.get()).then(gate)
}

thread_local! {
    /// Whether this thread holds the gate because it forks. It has no destructor, so it is always
    /// accessible.
    static FORKING: Cell<bool> = const { Cell::new(false) };
}

fn gate() -> MutexGuard<'static, ()> {
    GATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A lock that is never held during a fork, so that a forked child never inherits it locked.
///
/// For state that a child continues to use. The sections that hold it must be short, call no user
/// code and not nest.
#[derive(Debug)]
pub(crate) struct ForkMutex<T>(Mutex<T>);

impl<T> ForkMutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Holds off forks, then locks. A panic in an earlier section does not poison the lock.
    pub(crate) fn lock(&self) -> ForkMutexGuard<'_, T> {
        // The order matters: a thread that waits for the lock has already held off forks, and a
        // thread that forks holds no such lock.
        let forks_held = hold_forks();
        ForkMutexGuard {
            value: self.0.lock().unwrap_or_else(PoisonError::into_inner),
            _forks_held: forks_held,
        }
    }
}

impl<T> ForkMutex<T> {
    /// Locks without holding off forks, for code that already runs while another lock of this kind
    /// is held, such as the closure of [`PerProcess::get`].
    pub(crate) fn lock_nested(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Default> Default for ForkMutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// The guard of a [`ForkMutex`].
#[derive(Debug)]
pub(crate) struct ForkMutexGuard<'a, T> {
    // Fields are dropped in this order, so the lock is free before another thread can fork.
    value: MutexGuard<'a, T>,
    _forks_held: Option<MutexGuard<'static, ()>>,
}

impl<T> Deref for ForkMutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for ForkMutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// A value that each process has separately.
#[derive(Debug)]
pub(crate) struct PerProcess<T> {
    /// The generation of the process that created `first`.
    generation: u64,
    first: Arc<T>,
    /// In children: the generation of the youngest process that has requested its value, and the
    /// value.
    later: ForkMutex<Option<(u64, Arc<T>)>>,
}

impl<T> PerProcess<T> {
    /// Creates the value for this process.
    pub(crate) fn new(first: T) -> Self {
        Self {
            generation: generation(),
            first: Arc::new(first),
            later: ForkMutex::new(None),
        }
    }

    /// Calls `work` with the value of this process, as [`get`](Self::get) returns it. In the first
    /// process this updates no reference count, because its threads would share that count.
    pub(crate) fn with<R>(&self, renew: impl FnOnce(&T) -> T, work: impl FnOnce(&T) -> R) -> R {
        if generation() == self.generation {
            work(&self.first)
        } else {
            work(&self.get(renew))
        }
    }

    /// Returns the value of this process. A child creates its own with `renew`, which reads the
    /// parent's value. The parent's value is never written again and never dropped. Takes a lock
    /// only in children, and calls `renew` while it holds that lock.
    pub(crate) fn get(&self, renew: impl FnOnce(&T) -> T) -> Arc<T> {
        let here = generation();
        if here == self.generation {
            return Arc::clone(&self.first);
        }
        let mut later = self.later.lock();
        let parents = match &*later {
            Some((at, own)) if *at == here => return Arc::clone(own),
            Some((_, parents)) => parents,
            None => &self.first,
        };
        let own = Arc::new(renew(parents));
        mem::forget(later.replace((here, Arc::clone(&own))));
        own
    }
}

/// Installs fork handlers. A child calls `in_child` before any other code runs there. If this is
/// called again, the functions of the first call are used.
pub(crate) fn watch(in_child: [fn(); 2]) -> io::Result<()> {
    handlers::watch(in_child)
}

#[cfg(unix)]
mod handlers {
    use std::{
        cell::Cell,
        io,
        sync::{
            MutexGuard, OnceLock,
            atomic::{AtomicBool, Ordering},
        },
    };

    use super::{FORKING, GENERATION, gate};

    /// The functions that a child calls.
    static IN_CHILD: OnceLock<[fn(); 2]> = OnceLock::new();

    thread_local! {
        /// The guard of the gate, while this thread forks.
        static HELD: Cell<Option<MutexGuard<'static, ()>>> = const { Cell::new(None) };
    }

    pub(super) fn watch(in_child_functions: [fn(); 2]) -> io::Result<()> {
        static WATCHING: AtomicBool = AtomicBool::new(false);
        // Relaxed: it only matters which caller is first. Not a `Once`, because a fork could happen
        // while another thread is in it.
        if WATCHING.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        // Fails only if an earlier registration failed after it had set the same functions.
        let _ = IN_CHILD.set(in_child_functions);
        // SAFETY: the handlers are functions of this crate, which is not unloaded while it runs.
        // They do not unwind, and may run on any thread.
        let error = unsafe { libc::pthread_atfork(Some(prepare), Some(in_parent), Some(in_child)) };
        if error == 0 {
            return Ok(());
        }
        WATCHING.store(false, Ordering::Relaxed);
        Err(io::Error::from_raw_os_error(error))
    }

    pub(super) extern "C" fn prepare() {
        let held = gate();
        // On a thread whose locals are gone, the gate opens again at once. Such a fork may
        // interrupt a section, and its child may only run another program.
        if HELD.try_with(|cell| cell.set(Some(held))).is_ok() {
            FORKING.set(true);
        }
    }

    pub(super) extern "C" fn in_parent() {
        FORKING.set(false);
        // Fails only on a thread whose locals are gone, where `prepare` has already opened the
        // gate.
        let _ = HELD.try_with(Cell::take);
    }

    pub(super) extern "C" fn in_child() {
        // Relaxed: there is no other thread.
        GENERATION.fetch_add(1, Ordering::Relaxed);
        for function in IN_CHILD.get().into_iter().flatten() {
            function();
        }
        in_parent();
    }
}

/// Systems other than Unix have no fork.
#[cfg(not(unix))]
mod handlers {
    pub(super) fn watch(_in_child: [fn(); 2]) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{
        sync::atomic::AtomicBool,
        thread,
        time::{Duration, Instant},
    };

    use super::{
        handlers::{in_child, in_parent, prepare},
        *,
    };

    /// Returns whether a fork's handlers meet their goal of 1 ms. Uses the median of 1001 calls,
    /// because the machine may be busy.
    fn quick(mut hooks: impl FnMut()) -> bool {
        let mut times: Vec<_> = (0..1001)
            .map(|_| {
                let before = Instant::now();
                hooks();
                before.elapsed()
            })
            .collect();
        times.sort_unstable();
        times.get(500) < Some(&Duration::from_millis(1))
    }

    #[test]
    fn handlers_take_little_time_while_threads_are_in_sections() {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        drop(hold_forks());
                    }
                });
            }
            let quick = quick(|| {
                prepare();
                in_parent();
            });
            stop.store(true, Ordering::Relaxed);
            assert!(quick);
        });
    }

    #[test]
    fn handlers_of_other_libraries_do_not_wait_for_their_own_thread() {
        prepare();
        assert!(hold_forks().is_none());
        in_parent();
        assert!(hold_forks().is_some());
    }

    #[test]
    fn child_has_its_own_value_and_does_not_change_the_parents() {
        // Without the handlers, the other test might hold the gate across the fork.
        watch([crate::ids::forked, crate::thread_state::forked]).unwrap();
        let own = PerProcess::new(1);
        assert_eq!(*own.get(|_| 0), 1);
        match fork::fork().expect("fork") {
            fork::Fork::Child => {
                let before = generation();
                let quick = quick(|| {
                    prepare();
                    in_child();
                });
                let renewed = generation() == before + 1001 && *own.get(|first| first + 1) == 2;
                std::process::exit(i32::from(!(quick && renewed)));
            }
            fork::Fork::Parent(pid) => assert_eq!(fork::waitpid(pid).ok(), Some(0)),
        }
        assert_eq!(*own.get(|_| 0), 1);
    }
}
