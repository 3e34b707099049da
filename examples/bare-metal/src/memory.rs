//! The board's memory: the heap, metered for each node, and how long the program is.

use core::alloc::{GlobalAlloc, Layout};
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use embedded_alloc::LlffHeap;

use crate::cluster::MEMBERS;

/// What all nodes together may take, and the packets between them, in bytes.
const HEAP: usize = 2 << 20;

/// So many accounts there are: one for each node, and one for the rest.
const ACCOUNTS: usize = MEMBERS + 1;

/// The heap, and how much of it each account holds: what is taken or given back goes on the account that is open then.
struct Metered {
    heap: LlffHeap,
    open: AtomicUsize,
    held: [AtomicUsize; ACCOUNTS],
    peak: [AtomicUsize; ACCOUNTS],
}

#[global_allocator]
static MEMORY: Metered = Metered {
    heap: LlffHeap::empty(),
    open: AtomicUsize::new(0),
    held: [const { AtomicUsize::new(0) }; ACCOUNTS],
    peak: [const { AtomicUsize::new(0) }; ACCOUNTS],
};

// SAFETY: all that is asked of an allocator the heap inside does; nothing is added but counting.
#[allow(unsafe_code, reason = "an allocator's interface is unsafe")]
unsafe impl GlobalAlloc for Metered {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let before = self.heap.used();
        // SAFETY: the caller's promise.
        let place = unsafe { self.heap.alloc(layout) };
        let open = self.open.load(Relaxed);
        let taken = self.heap.used() - before;
        let held = self.held[open].fetch_add(taken, Relaxed) + taken;
        self.peak[open].fetch_max(held, Relaxed);
        place
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        let before = self.heap.used();
        // SAFETY: the caller's promise.
        unsafe { self.heap.dealloc(place, layout) };
        self.held[self.open.load(Relaxed)].fetch_sub(before - self.heap.used(), Relaxed);
    }
}

/// Gives the heap its memory. To be called once, before anything is allocated.
pub fn init() {
    static mut ROOM: [MaybeUninit<u8>; HEAP] = [MaybeUninit::uninit(); HEAP];
    assert_eq!(MEMORY.heap.free() + MEMORY.heap.used(), 0, "the heap has its memory already");
    // SAFETY: nobody else knows the room, and it is handed over once.
    #[allow(unsafe_code, reason = "the heap takes over a piece of memory")]
    unsafe {
        MEMORY.heap.init(&raw mut ROOM as usize, HEAP);
    }
}

/// Puts what the function allocates and frees on a node's account.
pub fn on_account<T>(node: usize, work: impl FnOnce() -> T) -> T {
    let before = MEMORY.open.swap(node + 1, Relaxed);
    let done = work();
    MEMORY.open.store(before, Relaxed);
    done
}

/// What a node held of the heap at most, in bytes.
pub fn peak(node: usize) -> usize {
    MEMORY.peak[node + 1].load(Relaxed)
}

/// The length of the program's instructions and of its constants, in bytes.
pub fn program() -> (usize, usize) {
    // SAFETY: the linker script of cortex-m-rt defines them; only their addresses are looked at.
    #[allow(unsafe_code, reason = "the linker's symbols are foreign to the compiler")]
    unsafe extern "C" {
        safe static __vector_table: u8;
        safe static __etext: u8;
        safe static __srodata: u8;
        safe static __erodata: u8;
        safe static __sdata: u8;
        safe static __edata: u8;
    }
    let between = |start: *const u8, end: *const u8| end as usize - start as usize;
    let text = between(&raw const __vector_table, &raw const __etext);
    let constants =
        between(&raw const __srodata, &raw const __erodata) + between(&raw const __sdata, &raw const __edata);
    (text, constants)
}
