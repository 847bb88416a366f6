-- Version 1 of the application's tables. Applied by absensi-skema, one statement after another; skema_versi comes last.
create table if not exists pegawai (
    kode varchar(16) not null primary key,
    unit varchar(64) not null
) engine=InnoDB;

create table if not exists kehadiran (
    id uuid not null primary key,
    pegawai varchar(16) not null,
    jenis enum('masuk', 'pulang') not null,
    waktu datetime(6) not null,
    diterima_pada datetime(6) not null default current_timestamp(6),
    diterima_di varchar(16) not null,
    key kehadiran_diterima_pada (diterima_pada, id),
    key kehadiran_waktu (waktu),
    constraint kehadiran_pegawai foreign key (pegawai) references pegawai (kode)
) engine=InnoDB;

create table if not exists skema_versi (
    versi integer not null primary key,
    dipasang_pada datetime(6) not null default current_timestamp(6)
) engine=InnoDB;
