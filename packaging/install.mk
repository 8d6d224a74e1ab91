# SPDX-License-Identifier: Apache-2.0
#
# Where each built file goes on a system: one target for each Debian package, which is cut from it (debian/rules). The daemons
# are 711: what its user may not read, the kernel starts as a process that he may not look into, before its first instruction
# could see to that.

# Links that enable the units. Packages have scripts for that, which remember what an admin disabled.
ENABLE ?= yes

install: install-broker install-signin install-imds install-nss install-sandbox
.PHONY: install-broker install-signin install-imds install-nss install-sandbox

# A page goes with the program or module it is named after; the rest are about what the user meets.
MANS_OF_SANDBOX := $(filter %/valetkey-sandbox.1,$(MANS))
MANS_OF_SIGNIN  := $(filter %/valetkeyd.8 %/pam_valetkey.8,$(MANS))
MANS_OF_IMDS    := $(filter %/valetkey-imds.8,$(MANS))
MANS_OF_NSS     := $(filter %/libnss_valetkey.8,$(MANS))
MANS_OF_BROKER  := $(filter-out $(MANS_OF_SANDBOX) $(MANS_OF_SIGNIN) $(MANS_OF_IMDS) $(MANS_OF_NSS),$(MANS))
install_mans = for m in $(1); do install -D -m 644 "$$m" "$(DESTDIR)$(MANDIR)/man$${m\#\#*.}/$${m\#\#*/}" || exit 1; done
# Every file of a folder, to a folder: $(call install_tree,FROM,TO)
install_tree = for f in $(shell cd $(1) && find . -type f | LC_ALL=C sort); do install -D -m 644 "$(1)/$$f" "$(DESTDIR)$(2)/$$f" || exit 1; done

# The user's side: CLI, shim, broker, its units and its D-Bus contract. What starts a program names where it went.
install-broker: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(USERUNITDIR) $(DESTDIR)$(USERENVDIR) \
		$(DESTDIR)$(DATADIR)/dbus-1/services $(DESTDIR)$(DATADIR)/dbus-1/interfaces
	install -m 755 $(B)/valetkey $(B)/valetkey-credential-process $(DESTDIR)$(BINDIR)/
	ln -sf valetkey $(DESTDIR)$(BINDIR)/docker-credential-valetkey
	install -m 711 $(B)/valetkey-broker $(DESTDIR)$(LIBEXECDIR)/
	install -D -m 644 completions/valetkey.bash $(DESTDIR)$(DATADIR)/bash-completion/completions/valetkey
	install -D -m 644 completions/_valetkey $(DESTDIR)$(DATADIR)/zsh/vendor-completions/_valetkey
	install -D -m 644 completions/valetkey.fish $(DESTDIR)$(DATADIR)/fish/vendor_completions.d/valetkey.fish
	install -m 755 $(B)/60-valetkey $(DESTDIR)$(USERENVDIR)/
	install -m 644 packaging/valetkey-broker.socket $(DESTDIR)$(USERUNITDIR)/
	sed 's|@LIBEXECDIR@|$(LIBEXECDIR)|g' packaging/valetkey-broker.service >$(DESTDIR)$(USERUNITDIR)/valetkey-broker.service
	sed 's|@LIBEXECDIR@|$(LIBEXECDIR)|g' dbus/org.valetkey.Broker1.service \
		>$(DESTDIR)$(DATADIR)/dbus-1/services/org.valetkey.Broker1.service
	install -m 644 dbus/org.valetkey.Broker1.xml $(DESTDIR)$(DATADIR)/dbus-1/interfaces/
	$(call install_profile,valetkey-broker)
	$(call install_mans,$(MANS_OF_BROKER))
	for c in $(CATALOGUES); do install -D -m 644 $$c "$(DESTDIR)$(LOCALEDIR)/$${c\#$(B)/locale/}" || exit 1; done
	$(if $(filter yes,$(ENABLE)),install -d $(DESTDIR)$(USERUNITDIR)/sockets.target.wants && \
		ln -sf ../valetkey-broker.socket $(DESTDIR)$(USERUNITDIR)/sockets.target.wants/valetkey-broker.socket)

# The sandbox and its example, which is also where people start from with their own trust policies.
install-sandbox: all
	install -d $(DESTDIR)$(BINDIR)
	install -m 755 $(B)/valetkey-sandbox $(DESTDIR)$(BINDIR)/
	$(call install_tree,sandbox/example,$(DATADIR)/valetkey/sandbox-example)
	$(call install_mans,$(MANS_OF_SANDBOX))

# The machine's side: the PAM module with its places in the login stack, the sign-in daemon, its units, its user, its folders,
# its AppArmor profile, and the configurations to start from.
install-signin: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(PAMDIR) $(DESTDIR)$(UNITDIR) $(DESTDIR)$(DATADIR)/pam-configs \
		$(DESTDIR)$(PREFIX)/lib/sysusers.d $(DESTDIR)$(PREFIX)/lib/tmpfiles.d
	install -m 711 $(B)/valetkeyd $(DESTDIR)$(BINDIR)/
	install -m 644 $(B)/pam_valetkey.so $(DESTDIR)$(PAMDIR)/
	install -m 644 packaging/pam-configs/valetkey packaging/pam-configs/valetkey-session $(DESTDIR)$(DATADIR)/pam-configs/
	for s in login claim; do \
		sed 's|=/run/valetkey/|=$(RUNDIR)/valetkey/|' packaging/valetkeyd-$$s.socket \
			>$(DESTDIR)$(UNITDIR)/valetkeyd-$$s.socket || exit 1; \
	done
	sed 's|@BINDIR@|$(BINDIR)|g' packaging/valetkeyd.service >$(DESTDIR)$(UNITDIR)/valetkeyd.service
	install -m 644 packaging/valetkey.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/valetkey.conf
	sed -e 's|/run/valetkey|$(RUNDIR)/valetkey|' -e 's|/var/lib/valetkey|$(LOCALSTATEDIR)/lib/valetkey|' \
		-e 's|/etc/valetkey|$(SYSCONFDIR)/valetkey|' packaging/valetkey.tmpfiles \
		>$(DESTDIR)$(PREFIX)/lib/tmpfiles.d/valetkey.conf
	$(call install_profile,valetkeyd)
	$(call install_tree,packaging/examples,$(DATADIR)/doc/libpam-valetkey/examples)
	$(call install_mans,$(MANS_OF_SIGNIN))
	$(if $(filter yes,$(ENABLE)),install -d $(DESTDIR)$(UNITDIR)/sockets.target.wants && for s in login claim; do \
		ln -sf ../valetkeyd-$$s.socket $(DESTDIR)$(UNITDIR)/sockets.target.wants/valetkeyd-$$s.socket || exit 1; \
	done)

# The redirection of 169.254.169.254, of valetkeyd's package: a unit that nobody enables but the admin.
install-imds: all
	install -d $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(UNITDIR)
	install -m 711 $(B)/valetkey-imds $(DESTDIR)$(LIBEXECDIR)/
	sed 's|@LIBEXECDIR@|$(LIBEXECDIR)|g' packaging/valetkey-imds.service >$(DESTDIR)$(UNITDIR)/valetkey-imds.service
	$(call install_profile,valetkey-imds)
	$(call install_mans,$(MANS_OF_IMDS))

# Users who exist only at the provider, for every program that asks the C library; for nscd, which keeps answers; and for
# programs that AppArmor confines.
install-nss: all
	install -d $(DESTDIR)$(NSSDIR) $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSCONFDIR)/apparmor.d/abstractions/nameservice.d
	install -m 644 $(B)/libnss_valetkey.so.2 $(DESTDIR)$(NSSDIR)/
	for s in path service; do \
		sed 's|@STATEDIR@|$(LOCALSTATEDIR)/lib/valetkey|g' packaging/valetkey-nss-flush.$$s \
			>$(DESTDIR)$(UNITDIR)/valetkey-nss-flush.$$s || exit 1; \
	done
	sed 's|/var/lib/valetkey|$(LOCALSTATEDIR)/lib/valetkey|' packaging/nameservice.apparmor \
		>$(DESTDIR)$(SYSCONFDIR)/apparmor.d/abstractions/nameservice.d/valetkey
	$(call install_mans,$(MANS_OF_NSS))
	$(if $(filter yes,$(ENABLE)),for s in nscd unscd; do install -d $(DESTDIR)$(UNITDIR)/$$s.service.wants && \
		ln -sf ../valetkey-nss-flush.path $(DESTDIR)$(UNITDIR)/$$s.service.wants/valetkey-nss-flush.path || exit 1; done)

# What a daemon may touch, wherever the kernel can be told.
define install_profile
	install -d $(DESTDIR)$(SYSCONFDIR)/apparmor.d
	sed -e 's|@BINDIR@|$(BINDIR)|g' -e 's|@LIBEXECDIR@|$(LIBEXECDIR)|g' packaging/apparmor/$(1) \
		>$(DESTDIR)$(SYSCONFDIR)/apparmor.d/$(1)
endef
