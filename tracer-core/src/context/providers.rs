//! The providers that a thread uses for native spans.

use std::{mem, num::NonZeroU32, rc::Rc, sync::Arc};

use crate::{panic_guard::catch_panic, provider::global, provider_core::ProviderCore};

/// A reference to a provider. Each thread counts its own references, without atomic operations.
pub(crate) type ProviderRef = Rc<KnownProvider>;

/// A provider that this thread has used.
#[derive(Debug)]
pub(crate) struct KnownProvider {
    pub(crate) core: Arc<ProviderCore>,
    /// True if no user code and no counter is involved when its spans start.
    pub(super) is_plain: bool,
    /// True if a guard may hold a lazy span.
    pub(super) has_lazy_guards: bool,
}

/// The position of a provider in the list, counted from one. It stays the same while an entry of
/// the stack or a default refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProviderIndex(NonZeroU32);

/// All providers that the thread has used, and the provider of new traces.
#[derive(Default)]
pub(super) struct Providers {
    all: Vec<ProviderRef>,
    /// The defaults of this thread, the innermost last. A default that was removed out of order is
    /// `None`.
    defaults: Vec<Option<ProviderIndex>>,
    /// The global provider, as of `global_version`.
    global: Option<ProviderIndex>,
    global_version: u64,
}

impl Providers {
    #[inline]
    pub(super) fn get(&self, index: ProviderIndex) -> Option<&ProviderRef> {
        self.all.get(index.0.get() as usize - 1)
    }

    /// Returns the position of a provider, and adds it to the list if it is new. If the stack
    /// `is_unused`, this may remove providers that are shut down.
    pub(super) fn index_of(
        &mut self,
        provider: &Arc<ProviderCore>,
        is_unused: bool,
    ) -> ProviderIndex {
        let is_same = |known: &ProviderRef| Arc::ptr_eq(&known.core, provider);
        let at = match self.all.iter().position(is_same) {
            Some(at) => at,
            None => {
                if is_unused && self.defaults.is_empty() {
                    self.remove_closed();
                }
                self.add(provider)
            }
        };
        // No thread has four billion providers.
        let at = u32::try_from(at).unwrap_or(u32::MAX - 1);
        ProviderIndex(NonZeroU32::MIN.saturating_add(at))
    }

    #[cold]
    fn add(&mut self, provider: &Arc<ProviderCore>) -> usize {
        let is_plain = provider.is_plain();
        self.all.push(Rc::new(KnownProvider {
            core: Arc::clone(provider),
            is_plain,
            has_lazy_guards: is_plain && !provider.context_activation,
        }));
        self.all.len() - 1
    }

    /// Returns the provider of spans whose parent has no known provider.
    #[inline]
    pub(super) fn for_roots(&mut self) -> Option<ProviderIndex> {
        if let Some(Some(default)) = self.defaults.last() {
            return Some(*default);
        }
        if global::version() != self.global_version {
            self.read_global();
        }
        self.global
    }

    #[cold]
    fn read_global(&mut self) {
        self.global_version = global::version();
        self.global = global::provider().map(|provider| self.index_of(&provider, false));
    }

    /// Sets the default of this thread. Returns its position among the defaults.
    pub(super) fn push_default(&mut self, provider: ProviderIndex) -> usize {
        self.defaults.push(Some(provider));
        self.defaults.len() - 1
    }

    /// Removes the default at a position. The one before it applies again.
    pub(super) fn remove_default(&mut self, at: usize) {
        if let Some(default) = self.defaults.get_mut(at) {
            *default = None;
        }
        while let Some(None) = self.defaults.last() {
            self.defaults.pop();
        }
    }

    /// Removes providers that are shut down.
    fn remove_closed(&mut self) {
        self.global = None;
        self.global_version = 0;
        let closed = self
            .all
            .extract_if(.., |provider| provider.core.is_closed())
            .collect::<Vec<_>>();
        // Dropping the last reference to a provider runs user code.
        catch_panic(|| drop(closed));
    }
}

impl Drop for Providers {
    fn drop(&mut self) {
        let all = mem::take(&mut self.all);
        catch_panic(|| drop(all));
    }
}
