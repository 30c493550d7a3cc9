//! The providers that a thread uses for native spans.

use std::{mem, num::NonZeroU32, rc::Rc, sync::Arc};

use crate::{
    foreign::isolated,
    provider::{Shared, global},
};

/// A provider, as this thread counts its users: without an atomic operation.
pub(crate) type Home = Rc<Provider>;

/// What a thread keeps of a provider.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) shared: Arc<Shared>,
    /// Whether nobody sees its spans at their start.
    pub(super) is_plain: bool,
    /// Whether a guard may hold a span that has only a name without a recording.
    pub(super) has_light_guards: bool,
}

/// The position of a provider, counted from one, which it keeps as long as somebody refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HomeAt(NonZeroU32);

/// All that were used here, and which one is for new traces.
#[derive(Default)]
pub(super) struct Homes {
    all: Vec<Home>,
    /// Those set for this thread, each by a guard with its position.
    defaults: Vec<Option<HomeAt>>,
    /// The global one, as of this version.
    global: Option<HomeAt>,
    global_version: u64,
}

impl Homes {
    #[inline]
    pub(super) fn get(&self, at: HomeAt) -> Option<&Home> {
        self.all.get(at.0.get() as usize - 1)
    }

    /// The position of a provider. `is_unused` says that no span refers to one.
    pub(super) fn of(&mut self, provider: &Arc<Shared>, is_unused: bool) -> HomeAt {
        let known = |home: &Home| Arc::ptr_eq(&home.shared, provider);
        let at = match self.all.iter().position(known) {
            Some(at) => at,
            None => {
                if is_unused && self.defaults.is_empty() {
                    self.forget_closed();
                }
                self.add(provider)
            }
        };
        // Nobody has four thousand million providers.
        let at = u32::try_from(at).unwrap_or(u32::MAX - 1);
        HomeAt(NonZeroU32::MIN.saturating_add(at))
    }

    #[cold]
    fn add(&mut self, provider: &Arc<Shared>) -> usize {
        let is_plain = provider.is_plain();
        self.all.push(Rc::new(Provider {
            shared: Arc::clone(provider),
            is_plain,
            has_light_guards: is_plain && !provider.context_activation,
        }));
        self.all.len() - 1
    }

    /// That of spans whose parent has none that is known.
    #[inline]
    pub(super) fn for_roots(&mut self) -> Option<HomeAt> {
        if let Some(Some(home)) = self.defaults.last() {
            return Some(*home);
        }
        if global::version() != self.global_version {
            self.read_global();
        }
        self.global
    }

    #[cold]
    fn read_global(&mut self) {
        self.global_version = global::version();
        self.global = global::provider().map(|provider| self.of(&provider, false));
    }

    pub(super) fn push_default(&mut self, home: HomeAt) -> usize {
        self.defaults.push(Some(home));
        self.defaults.len() - 1
    }

    pub(super) fn remove_default(&mut self, at: usize) {
        if let Some(default) = self.defaults.get_mut(at) {
            *default = None;
        }
        while let Some(None) = self.defaults.last() {
            self.defaults.pop();
        }
    }

    /// Lets go of providers that are shut down.
    fn forget_closed(&mut self) {
        self.global = None;
        self.global_version = 0;
        let closed = self
            .all
            .extract_if(.., |home| home.shared.is_closed())
            .collect::<Vec<_>>();
        // The last of a provider is foreign code.
        isolated(|| drop(closed));
    }
}

impl Drop for Homes {
    fn drop(&mut self) {
        let all = mem::take(&mut self.all);
        isolated(|| drop(all));
    }
}
